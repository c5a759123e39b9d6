/**
 * What the attention kernels share: ranges of sequences that fit a binding, and the values of their WGSL templates.
 * Offsets in the templates count UNIT elements: vec4f where the head size is a multiple of 4, else f32.
 */
import accessTemplate from "../../../kernels/webgpu/attention_access.wgsl" with { type: "text" };
import elements from "../../../kernels/webgpu/attention_elements.wgsl" with { type: "text" };
import random from "../../../kernels/webgpu/random.wgsl" with { type: "text" };
import { DeviceError } from "../../errors.ts";
import type { Attention, AttentionBackward, Dropout } from "../../program/op.ts";
import { dropoutThreshold } from "../../program/random.ts";
import { ALIGNMENT, describe, elementCount, type Tensor } from "../../program/tensor.ts";
import type { AdapterTraits, Binding } from "./kernel.ts";
import { expandTemplate, type TemplateValues } from "./template.ts";

/** Sequences `first` to `first + count` of a batch. */
export interface SequenceRange {
  readonly first: number;
  readonly count: number;
}

/**
 * Cuts a batch into the fewest ranges of whole sequences for which every tensor's part fits one binding.
 * @param tensors those that hold `batch` sequences one after another, of equal size
 * @throws {DeviceError} where a single sequence is larger than a binding
 */
export function sequenceRanges(batch: number, tensors: readonly Tensor[], adapter: AdapterTraits): SequenceRange[] {
  let most = Math.min(batch, adapter.maxWorkgroupsPerDimension);
  const limit = Math.floor(adapter.maxBindingBytes / 4);
  for (const tensor of tensors) {
    const total = elementCount(tensor.shape);
    if (total <= limit) continue;
    const perSequence = total / batch;
    const fitting = Math.floor((limit - (ALIGNMENT - 1)) / perSequence);
    if (fitting < 1) {
      throw new DeviceError(`one sequence of ${describe(tensor)} takes ${perSequence * 4} bytes`, {
        where: "attention",
        expected: `at most ${adapter.maxBindingBytes} bytes, what this adapter binds at once`,
        hint: "use a smaller context (--max-seq-len) or a narrower model",
      });
    }
    most = Math.min(most, fitting);
  }
  const ranges: SequenceRange[] = [];
  for (let first = 0; first < batch; first += most) ranges.push({ first, count: Math.min(most, batch - first) });
  return ranges;
}

/** The binding of a range of sequences, and how many elements of it come before the range (bindings start aligned). */
export function bindRange(
  of: Tensor | "scratch",
  perSequence: number,
  { first, count }: SequenceRange,
): { binding: Binding; before: number } {
  const start = first * perSequence;
  const before = start % ALIGNMENT;
  return { binding: { of, offset: start - before, elements: before + count * perSequence }, before };
}

/** Sizes of an attention op. */
export function attentionGeometry(op: Attention | AttentionBackward) {
  const [batch, heads, sequence] = op.lse.shape;
  const width = op.out.shape[1];
  return { batch, heads, sequence, width, headSize: width / heads };
}

/** Bindings of a range of sequences and where the range starts in them. */
export function bindAttention(op: Attention | AttentionBackward, range: SequenceRange) {
  const { heads, sequence, width, headSize } = attentionGeometry(op);
  const qkv = bindRange(op.qkv, sequence * 3 * width, range);
  const out = bindRange(op.out, sequence * width, range);
  const lse = bindRange(op.lse, heads * sequence, range);
  const unit = headSize % 4 === 0 ? 4 : 1;
  const dropout = hasDropout(op.dropout) ? op.dropout : null;
  const seed: Binding[] = dropout ? [{ of: dropout.seed }] : [];
  return {
    qkv: qkv.binding,
    out: out.binding,
    lse: lse.binding,
    seed,
    bases: {
      QKV_BASE: qkv.before / unit,
      OUT_BASE: out.before / unit,
      LSE_BASE: lse.before,
      FIRST_SEQUENCE: dropout ? range.first : 0,
    },
  };
}

/** Template values of one head's geometry. `QKV_ROW`, `OUT_ROW` and `HEAD` are strides in units. */
export function headValues(headSize: number, width: number): Record<string, number | string | boolean> {
  const vector = headSize % 4 === 0;
  const unit = vector ? 4 : 1;
  return {
    VECTOR: vector,
    UNIT: unit,
    ELEMENT: vector ? "vec4f" : "f32",
    CHUNKS: Math.ceil(headSize / 4),
    TAIL2: headSize % 4 >= 2,
    TAIL3: headSize % 4 === 3,
    HEAD: headSize / unit,
    QKV_ROW: 3 * width / unit,
    OUT_ROW: width / unit,
    SCALE: literal(Math.LOG2E / Math.sqrt(headSize)),
    ROOT: literal(1 / Math.sqrt(headSize)),
  };
}

/** Template values of dropout on probabilities; none where the rate is 0. */
export function dropoutValues(dropout: Dropout | undefined, sequence: number): TemplateValues {
  const active = hasDropout(dropout);
  return {
    DROPOUT: active,
    THRESHOLD: active ? dropoutThreshold(dropout.rate) : 0,
    KEEP_SCALE: literal(active ? 1 / (1 - dropout.rate) : 1),
    STREAM: active ? (dropout.stream << 20) >>> 0 : 0,
    HALF_SEQUENCE: Math.ceil(sequence / 2),
  };
}

/** Whether dropout is there and drops anything. */
export function hasDropout(dropout: Dropout | undefined): dropout is Dropout {
  return dropout !== undefined && dropout.rate > 0;
}

/** The snippets before `main`: access to the named bindings (those in `stored` for writing), tile products, random bits. */
export function snippets(values: TemplateValues, loaded: readonly string[], stored: readonly string[]): string {
  const names = [...new Set([...loaded, ...stored])];
  const access = names.map((name) =>
    expandTemplate(accessTemplate, { ...values, NAME: name, STORE: stored.includes(name) })
  );
  const tiles = "PITCH" in values ? [expandTemplate(elements, values)] : [];
  return [...access, ...tiles, ...(values.DROPOUT ? [random] : [])].join("\n");
}

/** A number as a WGSL f32 literal. */
export function literal(value: number): string {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** How a kernel family cuts its work. */
export type Plan =
  | { readonly family: "rows"; readonly lanes: number; readonly perLane: number; readonly rows: number }
  | {
    readonly family: "tiles";
    readonly down: number;
    readonly groups: number;
    readonly pitch: number;
    readonly rows: number;
  };

/** Invocations of a workgroup by rows: the vector width of software adapters; a few waves where tiles do not fit hardware. */
const SOFTWARE_LANES = 8;
const HARDWARE_LANES = 64;
/** Vectors of 8 lanes that an invocation may keep: more makes lavapipe compile for tens of seconds, fewer makes it slower. */
const LIVE_VECTORS = 512;
/** WGSL loops end after this many iterations on lavapipe, silently. */
const MOST_ITERATIONS = 65535;

/**
 * Work by the row: on a software adapter an invocation takes up to four rows, so that what it loads is used four times.
 * @param count rows
 * @param vectors numbers that each row keeps in registers
 */
export function planRows(count: number, vectors: number, adapter: AdapterTraits): Plan {
  if (!adapter.software) return { family: "rows", lanes: HARDWARE_LANES, perLane: 1, rows: HARDWARE_LANES };
  const most = Math.min(4, LIVE_VECTORS / vectors, Math.ceil(count / SOFTWARE_LANES));
  const perLane = 2 ** Math.max(0, Math.floor(Math.log2(most)));
  return { family: "rows", lanes: SOFTWARE_LANES, perLane, rows: SOFTWARE_LANES * perLane };
}

/**
 * The largest shared-memory tiles that fit the adapter, or rows where none do.
 * @param held tiles of the workgroup's own rows: q forward; q and dout, or k and v, backward
 */
export function planTiles(count: number, headSize: number, held: 1 | 2, adapter: AdapterTraits): Plan {
  const chunks = Math.ceil(headSize / 4);
  for (const pitch of [5, 4]) {
    for (const [down, groups] of [[8, 2], [8, 1], [4, 1]]) {
      const rows = down * 4 * groups;
      if (groups === 2 && (held === 2 || headSize > 64 || count <= 32)) continue;
      const elements = held * chunks * down * groups + chunks * (held === 1 ? 8 : 9) + 8 * down * groups;
      const bytes = elements * pitch * 16 + rows * 36 + 16;
      if (bytes > adapter.maxWorkgroupBytes || down * 8 > adapter.maxInvocationsPerWorkgroup) continue;
      return { family: "tiles", down, groups, pitch, rows };
    }
  }
  return planRows(count, headSize * 2 * held, adapter);
}

/** @throws {DeviceError} where kernels by the row would loop over more positions than lavapipe does */
export function checkPositions(plan: Plan, positions: number): void {
  if (plan.family !== "rows" || positions <= MOST_ITERATIONS) return;
  throw new DeviceError(`attention over ${positions} positions`, {
    where: "attention",
    expected: `at most ${MOST_ITERATIONS} on this adapter`,
    hint: "use a smaller context (--max-seq-len)",
  });
}

/** Template values of a plan. */
export function planValues(plan: Plan, count: number, headSize: number): Record<string, number> {
  const tiles = Math.ceil(count / plan.rows);
  if (plan.family === "rows") return { LANES: plan.lanes, PER_LANE: plan.perLane, TILES: tiles };
  const chunks = Math.ceil(headSize / 4);
  return {
    DOWN: plan.down,
    GROUPS: plan.groups,
    PITCH: plan.pitch,
    TILES: tiles,
    LOADS: Math.ceil(chunks / plan.down),
    OWN_LOADS: plan.rows / 8,
    COLUMNS: Math.ceil(chunks / 8),
    UNROLL: chunks % 2 === 0 ? 2 : 1,
  };
}
