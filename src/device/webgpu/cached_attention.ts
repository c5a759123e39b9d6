/**
 * Attention of new rows over a key and value cache: prefill (many rows) and decode (a row or a few of each sequence). How far
 * a row may look is data on the device (`start`), so one compiled Program serves every step.
 */
import forwardRows from "../../../kernels/webgpu/attention_rows.wgsl" with { type: "text" };
import forwardTiles from "../../../kernels/webgpu/attention_tiles.wgsl" with { type: "text" };
import decode from "../../../kernels/webgpu/cached_attention.wgsl" with { type: "text" };
import { bindRange, dropoutValues, headValues, sequenceRanges, snippets } from "./attention_layout.ts";
import { checkPositions, planRows, planTiles, planValues } from "./attention_plan.ts";
import type { AdapterTraits, Dispatch, Kernel } from "./kernel.ts";
import { expandTemplate } from "./template.ts";

/** Fewer rows than this waste most of a 16-row tile; then every row gets a workgroup that shares out the positions. */
const TILE_ROWS = 9;
const BLOCK = 2048;

export const cachedAttention: Kernel<"cachedAttention"> = {
  dispatches(op, adapter) {
    const [batch, heads, positions, headSize] = op.keys.shape;
    const width = heads * headSize;
    const sequence = op.qkv.shape[0] / batch;
    const shape = headValues(headSize, width);
    const unit = headSize % 4 === 0 ? 4 : 1;
    const way = chooseWay(sequence, positions, headSize, adapter);
    const values = {
      ...shape,
      ...dropoutValues(undefined, sequence),
      ...way.values,
      CACHED: true,
      SEQUENCE: sequence,
      HEADS: heads,
      POSITIONS: positions,
      KEY_ROW: shape.HEAD,
      KEY_NAME: "keys",
      VALUE_NAME: "values",
    };
    const access = snippets(values, ["qkv", "keys", "values"], ["out"]);
    return sequenceRanges(batch, [op.qkv, op.keys], adapter).map((range): Dispatch => {
      const qkv = bindRange(op.qkv, sequence * 3 * width, range);
      const out = bindRange(op.out, sequence * width, range);
      const cache = bindRange(op.keys, positions * width, range);
      const bases = {
        QKV_BASE: qkv.before / unit,
        OUT_BASE: out.before / unit,
        CACHE_BASE: cache.before / unit,
        FIRST_SEQUENCE: range.first,
      };
      return {
        label: `cachedAttention.${way.name}`,
        source: expandTemplate(way.template, { ...values, ...bases, ACCESS: access }),
        bindings: [qkv.binding, out.binding, cache.binding, { ...cache.binding, of: op.values }, { of: op.start }],
        workgroups: [Math.ceil(sequence / way.rows), heads, range.count],
      };
    });
  },
};

function chooseWay(sequence: number, positions: number, headSize: number, adapter: AdapterTraits) {
  const chunks = Math.ceil(headSize / 4);
  const threads = 2 ** Math.floor(Math.log2(Math.min(256, adapter.maxInvocationsPerWorkgroup)));
  if (!adapter.software && sequence < TILE_ROWS && chunks <= threads) {
    const values = { THREADS: threads, SPLITS: Math.floor(threads / chunks), BLOCK };
    return { name: "decode", template: decode, rows: 1, values };
  }
  const plan = adapter.software ? planRows(sequence, 2 * headSize, adapter) : planTiles(sequence, headSize, 1, adapter);
  checkPositions(plan, positions);
  const template = plan.family === "rows" ? forwardRows : forwardTiles;
  return { name: plan.family, template, rows: plan.rows, values: planValues(plan, sequence, headSize) };
}
