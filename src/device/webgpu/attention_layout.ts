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
    // Layers differ in their stream of random words alone.
    words: dropout ? { words: [(dropout.stream << 20) >>> 0] } : {},
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
