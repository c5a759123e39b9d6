/** Compute pipelines, each made once for its WGSL source. All bindings are read-write storage buffers. */
import type { Dispatch } from "./kernel.ts";

export interface Pipelines {
  /** The pipeline of a dispatch and the layout of its one bind group. */
  get(dispatch: Dispatch): { pipeline: GPUComputePipeline; layout: GPUBindGroupLayout };
  /** Keeps the pipelines made since the last call. */
  keep(): void;
  /** Forgets the pipelines made since `keep`: some of them may be invalid. */
  drop(): void;
}

/** Keeps the pipelines of one device. */
export function createPipelines(device: GPUDevice): Pipelines {
  const layouts = new Map<number, GPUBindGroupLayout>();
  const kept = new Map<string, GPUComputePipeline>();
  const fresh = new Map<string, GPUComputePipeline>();

  const layoutOf = (bindings: number) => {
    let layout = layouts.get(bindings);
    if (!layout) {
      const entries = Array.from({ length: bindings }, (_, binding): GPUBindGroupLayoutEntry => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: "storage" },
      }));
      layout = device.createBindGroupLayout({ entries });
      layouts.set(bindings, layout);
    }
    return layout;
  };

  return {
    get({ label, source, bindings: { length }, words }) {
      const bindings = length + (words ? 1 : 0);
      const layout = layoutOf(bindings);
      const key = `${bindings}\n${source}`;
      let pipeline = kept.get(key) ?? fresh.get(key);
      if (!pipeline) {
        const module = device.createShaderModule({ label, code: source });
        // Each pipeline has a layout object of its own: when the next pipeline of a pass has the same one, wgpu 29 goes on
        // checking bindings against the sizes that the former shader expects.
        pipeline = device.createComputePipeline({
          label,
          layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
          compute: { module, entryPoint: "main" },
        });
        fresh.set(key, pipeline);
      }
      return { pipeline, layout };
    },
    keep() {
      for (const [key, pipeline] of fresh) kept.set(key, pipeline);
      fresh.clear();
    },
    drop() {
      fresh.clear();
    },
  };
}
