/**
 * A cache in front of a sentencepiece model, for the models where it gives the same ids.
 *
 * It cuts text where a space follows something that is none, encodes the parts one by one and remembers them. That is exact where
 * nothing the model does reaches over such a cut: the text is not normalised; no piece has a space behind another character, so no piece
 * spans a cut; the pieces are found by merging (BPE), whose merges on one side of a cut never see the other; and a space is a piece
 * of its own, so runs of unknown characters end there. Unigram models are left out: the best path is found with sums of 32-bit floats over the
 * whole text, whose rounding is different for its parts.
 */

import type { SentencePieceModel } from "./sentencepiece_model.ts";
import { PieceType } from "./sentencepiece_model.ts";

const SPACE = "\u2581";
const MAX_ENTRIES = 1 << 17;
/** Longer parts are encoded every time they come, UTF-16 units. */
const MAX_CACHED_LENGTH = 64;
const MODEL_TYPE_BPE = 2;

/** Whether parts of a text may be encoded one by one. */
export function isCacheable({ pieces, modelType, normalizes, byteFallback }: SentencePieceModel): boolean {
  if (modelType !== MODEL_TYPE_BPE || normalizes) return false;
  const inText = pieces.filter(({ type }) => type !== PieceType.control && type !== PieceType.unknown);
  if (!byteFallback && !inText.some(({ text, type }) => text === SPACE && type === PieceType.normal)) return false;
  return inText.every(({ text, type }) => type === PieceType.byte || /^\u2581*[^\u2581]*$/u.test(text));
}

/**
 * @param encode The model's own encoding.
 * @param addsSpace Whether the model puts a space before every text that it encodes: then the space of a part is left to it.
 */
export function cachedEncoding(
  encode: (text: string) => ArrayLike<number>,
  addsSpace: boolean,
): (text: string) => number[] {
  const cache = new Map<string, ArrayLike<number>>();
  const lookUp = (part: string): ArrayLike<number> => {
    if (part.length > MAX_CACHED_LENGTH) return encode(part);
    let ids = cache.get(part);
    if (ids === undefined) {
      if (cache.size >= MAX_ENTRIES) cache.clear();
      cache.set(part, ids = encode(part));
    }
    return ids;
  };
  return (text) => {
    const all: number[] = [];
    for (let start = 0; start < text.length;) {
      const end = nextCut(text, start);
      const part = text.slice(addsSpace && start > 0 ? start + 1 : start, end);
      const ids = lookUp(part);
      for (let i = 0; i < ids.length; i++) all.push(ids[i]);
      start = end;
    }
    return all;
  };
}

/** The next place behind `start` where a space follows what is none; not before a space that is the last character. */
function nextCut(text: string, start: number): number {
  for (let at = text.indexOf(" ", start + 1); at >= 0 && at < text.length - 1; at = text.indexOf(" ", at + 1)) {
    const before = text[at - 1];
    if (before !== " " && before !== SPACE) return at;
  }
  return text.length;
}
