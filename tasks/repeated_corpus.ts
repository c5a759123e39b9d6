/**
 * A corpus that is many times as long as the one at hand: that one again and again, each time with other words. In every
 * repetition a third of the words, chosen by their first letter, have their other letters exchanged by a permutation of its
 * own; so new pieces keep coming, as in a real corpus.
 */

import { readCorpus } from "../src/corpus/read.ts";

/** What each letter a–z becomes in a repetition; the first repetition changes nothing. */
function letterMap(repetition: number): Uint8Array {
  const letters = Uint8Array.from({ length: 26 }, (_, i) => 0x61 + i);
  let state = repetition;
  for (let i = 25; i > 0 && repetition > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor(state / 2 ** 32 * (i + 1));
    [letters[i], letters[j]] = [letters[j], letters[i]];
  }
  return letters;
}

/** Exchanges the letters of a third of the words, in place. */
function change(text: Uint8Array, letters: Uint8Array): void {
  let inWord = false;
  let changes = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i] - 0x61;
    if (letter < 0 || letter >= 26) {
      inWord = false;
      continue;
    }
    if (!inWord) changes = letters[letter] % 3 === 0;
    else if (changes) text[i] = letters[letter];
    inWord = true;
  }
}

/** Documents of so many bytes of text. */
export async function* repeatedCorpus(input: readonly string[], bytes: number): AsyncGenerator<{ text: Uint8Array }> {
  let sent = 0;
  for (let repetition = 0;; repetition++) {
    const letters = letterMap(repetition);
    for await (const { text } of readCorpus(input).documents) {
      if (sent >= bytes) return;
      if (repetition > 0) change(text, letters);
      sent += text.length;
      yield { text };
    }
  }
}
