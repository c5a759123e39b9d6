/** Token ids as text: written as numbers between spaces or as a JSON array, read back from either. */

import { UserError } from "../errors.ts";

const idsAtOnce = 65536;

/** The text of some ids, in pieces that are joined without anything between them. */
export function* formatIds(ids: Uint32Array, json: boolean): Generator<string> {
  const separator = json ? "," : " ";
  if (json) yield "[";
  for (let at = 0; at < ids.length; at += idsAtOnce) {
    yield (at === 0 ? "" : separator) + ids.subarray(at, at + idsAtOnce).join(separator);
  }
  yield json ? "]\n" : "\n";
}

/**
 * Reads ids from text that arrives in pieces: whole numbers, with white space, commas or brackets around them.
 *
 * @param vocabSize every id must be below it
 * @throws UserError naming the number that is no id, counted from 1
 */
export async function* parseIds(chunks: AsyncIterable<Uint8Array>, vocabSize: number): AsyncGenerator<Uint32Array> {
  const decoder = new TextDecoder();
  let rest = "";
  let count = 0;
  const toIds = (text: string): Uint32Array => {
    const words = text.split(/[\s,[\]]+/).filter((word) => word !== "");
    return Uint32Array.from(words, (word) => {
      count++;
      const id = /^\d{1,10}$/.test(word) ? Number(word) : Infinity;
      if (id < vocabSize) return id;
      throw new UserError(`"${word.slice(0, 40)}" is not a token id`, {
        where: `stdin, number ${count}`,
        expected: `an integer from 0 to ${vocabSize - 1}`,
      });
    });
  };
  for await (const chunk of chunks) {
    const text = rest + decoder.decode(chunk, { stream: true });
    // A number may go on in the next piece, so the last word waits.
    const end = text.search(/[^\s,[\]]*$/);
    rest = text.slice(end);
    yield toIds(text.slice(0, end));
  }
  yield toIds(rest + decoder.decode());
}
