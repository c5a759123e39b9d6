/** How much of a text is not for reading. */

/** After four bytes that are not all plain ASCII, so many are looked at one by one: others like them are near. */
const RUN_BYTES = 64;
const NO_WORDS = new Int32Array(0);

/**
 * The share of characters of a well-formed UTF-8 text that are not for reading: control characters (but tab, line feed,
 * vertical tab, form feed and carriage return), U+FFFD, which stands for what could not be decoded, private use, and
 * noncharacters. 0 for the empty text.
 */
export function nonTextShare(text: Uint8Array): number {
  const { length } = text;
  // Words begin at the next multiple of four in memory.
  const head = -text.byteOffset & 3;
  const words = head < length ? new Int32Array(text.buffer, text.byteOffset + head, (length - head) >> 2) : NO_WORDS;
  let odd = 0;
  let continuations = 0;
  let end = Math.min(head, length);
  for (let i = 0; i < length;) {
    for (; i < end; i++) {
      const byte = text[i];
      if (byte < 127) {
        if (byte < 32 && (byte < 9 || byte > 13)) odd++;
      } else if (byte < 0xc0) {
        if (byte === 127) odd++;
        else continuations++;
      } else if (byte < 0xee) odd += byte === 0xc2 && text[i + 1] < 0xa0 ? 1 : 0; // U+0080 to U+009F
      else if (byte === 0xee) odd++; // U+E000 to U+EFFF, private use
      else if (byte === 0xef) odd += isOddEf(text[i + 1], text[i + 2]) ? 1 : 0;
      else odd += isOddPlane(text, i) ? 1 : 0;
    }
    let word = (i - head) >> 2;
    while (word < words.length && isPlain(words[word])) word++;
    i = Math.max(i, head + 4 * word);
    end = word < words.length ? Math.min(i + RUN_BYTES, length) : length;
  }
  return length === continuations ? 0 : odd / (length - continuations);
}

/** Whether four bytes are ASCII for reading: 9 to 13 or 32 to 126, each. */
function isPlain(word: number): boolean {
  // Without the eighth bit, a sum of 128 and more in a byte tells that it has a limit or is beyond it.
  const from9 = word + 0x77777777;
  const from14 = word + 0x72727272;
  const from32 = word + 0x60606060;
  const from127 = word + 0x01010101;
  return ((word | ~from9 | (from14 & ~from32) | from127) & 0x80808080) === 0;
}

/** U+F000 to U+FFFF by its second and third byte: private use, noncharacters, U+FFFD. */
function isOddEf(second: number, third: number): boolean {
  if (second < 0xa4) return true; // up to U+F8FF
  if (second === 0xb7) return third >= 0x90 && third <= 0xaf; // U+FDD0 to U+FDEF
  return second === 0xbf && third >= 0xbd; // U+FFFD to U+FFFF
}

/** Beyond the first plane: planes 15 and 16 are private use, the last two of each plane are noncharacters. */
function isOddPlane(text: Uint8Array, at: number): boolean {
  const first = text[at];
  if (first === 0xf4 || (first === 0xf3 && text[at + 1] >= 0xb0)) return true;
  return (text[at + 1] & 15) === 15 && text[at + 2] === 0xbf && text[at + 3] >= 0xbe;
}
