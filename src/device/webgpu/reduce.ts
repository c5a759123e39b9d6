/** Sums over whole tensors, in two stages where one workgroup is not enough: `sum` and `globalNorm`. */
import source from "../../../kernels/webgpu/reduce.wgsl" with { type: "text" };
import type { Tensor } from "../../program/tensor.ts";
import { elementRanges } from "./elementwise.ts";
import type { AdapterTraits, Dispatch, Kernel } from "./kernel.ts";
import { float, grid } from "./partition.ts";
import { expandTemplate, type TemplateValues } from "./template.ts";

/** Vectors that a workgroup of the first stage sums: 16 an invocation. */
const CHUNK = 16 * 256;

interface Reduction {
  readonly label: string;
  readonly x: Tensor;
  readonly out: Tensor;
  readonly squares: boolean;
  /** WGSL that writes to `out` from `total`. */
  readonly finish: string;
}

function partialCount(x: Tensor, adapter: AdapterTraits): number {
  const ranges = elementRanges({ x }, adapter);
  return ranges.reduce((sum, { values }) => sum + Math.ceil(Number(values.COUNT) / CHUNK), 0);
}

function scratch(x: Tensor, adapter: AdapterTraits): number {
  const count = partialCount(x, adapter);
  return count === 1 ? 0 : count;
}

function reduce({ label, x, out, squares, finish }: Reduction, adapter: AdapterTraits): Dispatch[] {
  const count = partialCount(x, adapter);
  const expand = (values: TemplateValues) =>
    expandTemplate(source, {
      SQUARES: false,
      FINAL: false,
      FINISH: finish,
      LANES: 256,
      PARTIALS_SKIP: 0,
      X_SKIP: 0,
      ...values,
    });
  const ranges = elementRanges({ x }, adapter, CHUNK);
  if (count === 1) {
    const [{ bindings, values }] = ranges;
    const expanded = expand({ ...values, CHUNK, GROUPS: 1, SQUARES: squares, FINAL: true });
    return [{ label, source: expanded, bindings: [...bindings, { of: out }], workgroups: [1, 1, 1] }];
  }
  const partials = { of: "scratch", elements: count } as const;
  let skip = 0;
  const stages = ranges.map(({ bindings, values }): Dispatch => {
    const groups = Math.ceil(Number(values.COUNT) / CHUNK);
    const expanded = expand({ ...values, CHUNK, GROUPS: groups, SQUARES: squares, PARTIALS_SKIP: skip });
    skip += groups;
    return { label, source: expanded, bindings: [...bindings, partials], workgroups: grid(groups, adapter) };
  });
  const last: Dispatch = {
    label: `${label}.finish`,
    source: expand({ VECTOR: "f32", VECTORS: false, COUNT: count, CHUNK: count, GROUPS: 1, FINAL: true }),
    bindings: [partials, { of: out }],
    workgroups: [1, 1, 1],
  };
  return [...stages, last];
}

export const sum: Kernel<"sum"> = {
  scratch: ({ x }, adapter) => scratch(x, adapter),
  dispatches({ x, out, scale, accumulate }, adapter) {
    const finish = `out[0] ${accumulate ? "+=" : "="} ${float(scale)} * total;`;
    return reduce({ label: "sum", x, out, squares: false, finish }, adapter);
  },
};

export const globalNorm: Kernel<"globalNorm"> = {
  scratch: ({ gradients }, adapter) => scratch(gradients, adapter),
  dispatches({ gradients, out, maxNorm }, adapter) {
    const finish = [
      "let norm = sqrt(total);",
      `let fit = ${float(maxNorm)} / (norm + 1e-6f);`,
      "out[0] = norm;",
      // A NaN norm must stay visible: it is not above 1.
      `out[1] = ${maxNorm === 0 ? "1f" : "select(fit, 1f, fit > 1f)"};`,
    ].join("\n    ");
    return reduce({ label: "globalNorm", x: gradients, out, squares: true, finish }, adapter);
  },
};
