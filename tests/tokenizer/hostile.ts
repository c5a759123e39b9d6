/** Texts on which tokenizers go wrong: odd characters, odd neighbours, pieces without end. */

/** Characters of large blocks that are all alike, and code points that stand for nothing: every 16th is tested. */
const ALIKE = /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Tangut}\p{Co}\p{Cn}]$/u;

/**
 * Numbers that Unicode 17 brought. Hugging Face's `Digits` knows them (as Rust's standard library does), its regular expressions
 * and codekiln, which stay with Unicode 16, do not: so they are cut otherwise by the pattern `digits`, and left out of its checks.
 */
export const LATER_NUMBERS = /[\u{11de0}-\u{11de9}\u{16ff4}-\u{16ff6}]/u;

/** Code points of every kind alone, between spaces, and between letters, digits and signs. */
export function codePointTexts(): string[] {
  const texts: string[] = [];
  const alike = (codePoint: number) => ALIKE.test(String.fromCodePoint(codePoint));
  let block = "";
  for (let codePoint = 0; codePoint < 0x110000; codePoint++) {
    if (codePoint >= 0xd800 && codePoint < 0xe000) continue;
    const atEdge = codePoint === 0x10ffff || !alike(codePoint) || !alike(codePoint + 1) || !alike(codePoint - 1);
    const every = codePoint < 0x40000 ? 16 : 1024;
    if (atEdge || codePoint % every === 0) {
      const character = String.fromCodePoint(codePoint);
      block += `x${character}1${character}!${character}`;
      if (codePoint < 0x3100) texts.push(character, ` ${character} `, `${character}\n'${character}`);
    }
    if (block.length > 8192) {
      texts.push(block);
      block = "";
    }
  }
  return [...texts, block];
}

/** Every code point that UTF-8 can hold, each a text of its own. */
export function codePoints(): string[] {
  const texts: string[] = [];
  for (let codePoint = 0; codePoint < 0x110000; codePoint++) {
    if (codePoint < 0xd800 || codePoint >= 0xe000) texts.push(String.fromCodePoint(codePoint));
  }
  return texts;
}

/**
 * Every code point between letters, digits, signs, spaces and line ends; 256 of them in a text.
 * @param without code points to leave out
 */
export function codePointsAmongOthers(without?: RegExp): string[] {
  const all = codePoints().filter((character) => !without?.test(character));
  return Array.from(
    { length: Math.ceil(all.length / 256) },
    (_, i) => all.slice(i * 256, (i + 1) * 256).map((c) => `x${c}x1${c}1!${c}! ${c} \n${c}\n`).join(""),
  );
}

const NASTY = [
  "\0",
  "\0\0",
  "\0\0\0\0",
  " ",
  "  ",
  "\t",
  "\n",
  "\r\n",
  "\v",
  "\f",
  "\u0085",
  "\u00a0",
  "\u1680",
  "\u180e",
  "\u2003",
  "\u2028",
  "\u3000",
  "\ufeff",
  "\u200b",
  "'",
  "'s",
  "'S",
  "'t",
  "'re",
  "'ve",
  "'m",
  "'ll",
  "'l",
  "'r",
  "'d",
  "\n's",
  "\u2019s",
  "a",
  "Z",
  "é",
  "e\u0301",
  "\u0301",
  "ß",
  "Ж",
  "漢字",
  "한",
  "ا",
  "ـ",
  "ไ",
  "0",
  "12",
  "½",
  "²",
  "Ⅷ",
  "٣",
  "१",
  "😀",
  "👩‍👩‍👧",
  "🇪🇺",
  "\ufe0f",
  "_",
  "-",
  "=",
  "==",
  "/*",
  "//",
  "<|endoftext|>",
  "<|",
  "|>",
  "constructor",
  "__proto__",
  "hasOwnProperty",
  "toString",
  "if",
  "return",
  "self",
  "0x",
  "1e-5",
  "#version",
  "\u{10ffff}",
  "\u{e000}",
  "\ufffd",
  "\x7f",
];

/** Strings of odd characters side by side; the same ones every time. */
export function hostileStrings(count: number, seed = 7): string[] {
  const random = createRandom(seed);
  const part = () => random(10) > 0 ? NASTY[random(NASTY.length)] : String.fromCodePoint(random(1 << (4 + random(17))));
  return Array.from(
    { length: count },
    () => Array.from({ length: random(24) }, part).join("").toWellFormed(),
  );
}

/** Whole numbers from 0 to below a bound, the same ones for the same seed. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** Long single pieces in which merging is at its worst. */
export function longPieces(length: number): [string, string][] {
  const random = createRandom(12345);
  const made = (character: () => string) => Array.from({ length }, character).join("");
  const punctuation = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~';
  return [
    ["one letter", "a".repeat(length)],
    ["spaces", " ".repeat(length)],
    ["NUL bytes", "\0".repeat(length)],
    ["equals signs", "=".repeat(length)],
    ["random letters", made(() => String.fromCharCode(97 + random(26)))],
    ["digits", made(() => String.fromCharCode(48 + random(10)))],
    ["base64", made(() => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[random(64)])],
    ["CJK", made(() => String.fromCharCode(0x4e00 + random(2000)))],
    ["punctuation", made(() => punctuation[random(punctuation.length)])],
  ];
}
