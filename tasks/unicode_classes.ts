/**
 * Writes src/tokenizer/unicode_classes.bin: the character classes that GPT-2's pre-tokenization pattern asks for, taken
 * once from this runtime's Unicode data and committed, so that a runtime's Unicode update cannot change ids.
 *
 * Format: runs of code points of one class from U+0000 to U+10FFFF, each run a little-endian base-128 integer (LEB128)
 * of `length * 4 + class`. Classes: 0 other, 1 letter (\p{L}), 2 number (\p{N}), 3 white space (\p{White_Space}).
 *
 * Run with: deno run --allow-write=src/tokenizer tasks/unicode_classes.ts
 */

function classOf(codePoint: number): number {
  const character = String.fromCodePoint(codePoint);
  if (/\p{White_Space}/u.test(character)) return 3;
  if (/\p{L}/u.test(character)) return 1;
  if (/\p{N}/u.test(character)) return 2;
  return 0;
}

/** The whole table in the format above. */
export function unicodeClasses(): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (let start = 0; start < 0x110000;) {
    const current = classOf(start);
    let end = start + 1;
    while (end < 0x110000 && classOf(end) === current) end++;
    let value = (end - start) * 4 + current;
    while (value >= 128) {
      bytes.push((value & 127) | 128);
      value >>>= 7;
    }
    bytes.push(value);
    start = end;
  }
  return Uint8Array.from(bytes);
}

if (import.meta.main) {
  // What process.versions says is not what regular expressions go by: Deno 2.9.6 names 17.0.
  const [since16, since17] = [0x10d40, 0x11de0].map((digit) => classOf(digit) === 2);
  if (!since16 || since17) {
    console.error(
      `This runtime's Unicode is ${since17 ? "newer" : "older"} than 16.0, the committed table's. Nothing written.`,
    );
    Deno.exit(1);
  }
  const table = unicodeClasses();
  await Deno.writeFile("src/tokenizer/unicode_classes.bin", table);
  console.error(`src/tokenizer/unicode_classes.bin: ${table.length} bytes`);
}
