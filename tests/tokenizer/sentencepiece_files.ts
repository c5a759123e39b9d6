/** Writes sentencepiece models: the few protobuf fields that one needs. */

const utf8 = new TextEncoder();

const varint = (value: number): number[] =>
  value < 128 ? [value] : [value % 128 + 128, ...varint(Math.floor(value / 128))];
export const number = (field: number, value: number) => [...varint(field * 8), ...varint(value)];
export const message = (
  field: number,
  content: number[],
) => [...varint(field * 8 + 2), ...varint(content.length), ...content];
export const string = (field: number, value: string) => message(field, [...utf8.encode(value)]);
export const float = (field: number, value: number) => [
  ...varint(field * 8 + 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
];

export interface ModelOptions {
  /** Normal pieces, the most probable (or first merged) first. */
  pieces?: readonly string[];
  /** A BPE model; else unigram. */
  bpe?: boolean;
  byteFallback?: boolean;
  dummyPrefix?: boolean;
  removeSpaces?: boolean;
}

/** A model with identity normalization. */
export function modelBytes(options: ModelOptions): Uint8Array {
  const { pieces = [], bpe = false, byteFallback = false, dummyPrefix = false, removeSpaces = false } = options;
  const piece = (value: string, score: number, type: number) =>
    message(1, [...string(1, value), ...float(2, score), ...number(3, type)]);
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  const trainer = [
    ...[...number(3, bpe ? 2 : 1), ...number(35, byteFallback ? 1 : 0)],
    ...[...number(40, 0), ...number(41, 1), ...number(42, 2)],
  ];
  const normalizer = [
    ...string(1, "identity"),
    ...[...number(3, dummyPrefix ? 1 : 0), ...number(4, removeSpaces ? 1 : 0), ...number(5, 1)],
  ];
  return Uint8Array.from([
    ...[...piece("<unk>", 0, 2), ...piece("<s>", 0, 3), ...piece("</s>", 0, 3)],
    ...(byteFallback ? bytes.flatMap((value) => piece(value, 0, 6)) : []),
    ...pieces.flatMap((value, i) => piece(value, -i, 1)),
    ...[...message(2, trainer), ...message(3, normalizer)],
  ]);
}
