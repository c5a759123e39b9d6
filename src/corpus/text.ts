/**
 * From a file's bytes to well-formed UTF-8: byte order marks, UTF-16, undecodable input, and telling text from binary.
 */
import { isUtf8 } from "node:buffer";

/** How many bytes at the start of a file decide whether it is text. */
export const SAMPLE_BYTES = 8192;

const encoder = new TextEncoder();
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

type Bom = "utf-8" | "utf-16le" | "utf-16be" | null;

function bomOf(bytes: Uint8Array): Bom {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  if (bytes[0] === 0xff && bytes[1] === 0xfe && !(bytes[2] === 0 && bytes[3] === 0)) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return null;
}

/**
 * What a byte adds to the count of control characters (the lower 16 bits: a sample is shorter than that) and of bytes outside of ASCII
 * (the upper ones).
 */
const ODD_BYTES = Uint32Array.from(
  { length: 256 },
  (_, byte) => byte >= 128 ? 1 << 16 : byte < 32 && (byte < 8 || byte > 13) && byte !== 27 ? 1 : 0,
);

/**
 * Whether a file that starts with these bytes is not text: it has a NUL byte (and no UTF-16 byte order mark), or more
 * than a tenth of control characters, or it is not UTF-8 and three tenths of it are outside of ASCII.
 */
export function looksBinary(sample: Uint8Array): boolean {
  const bom = bomOf(sample);
  if (bom === "utf-16le" || bom === "utf-16be") return false;
  if (sample.indexOf(0) >= 0) return true;
  let counts = 0;
  for (let i = 0; i < sample.length; i++) counts += ODD_BYTES[sample[i]];
  const control = counts & 0xffff;
  const high = counts >>> 16;
  if (control * 10 > sample.length) return true;
  return high * 10 > sample.length * 3 && !isUtf8(withoutTornEnd(sample));
}

/** Drops up to three bytes of a character that a sample's end may have cut through. */
function withoutTornEnd(sample: Uint8Array): Uint8Array {
  for (let back = 1; back <= 3 && back <= sample.length; back++) {
    const byte = sample[sample.length - back];
    if (byte >= 0xc0) return sample.subarray(0, sample.length - back);
    if (byte < 0x80) break;
  }
  return sample;
}

/** Well-formed UTF-8 without a byte order mark; `undecodable` where something had to be replaced by U+FFFD. */
export interface DecodedText {
  text: Uint8Array;
  undecodable: boolean;
}

/** Decodes a whole text. UTF-8 that is well-formed is returned as a view of the input. */
export function decodeText(bytes: Uint8Array): DecodedText {
  const bom = bomOf(bytes);
  if (bom === "utf-16le" || bom === "utf-16be") {
    const text = new TextDecoder(bom).decode(bytes);
    let undecodable = false;
    try {
      new TextDecoder(bom, { fatal: true }).decode(bytes);
    } catch {
      undecodable = true;
    }
    return { text: encoder.encode(text), undecodable };
  }
  const body = bom === "utf-8" ? bytes.subarray(3) : bytes;
  const mended = mendUtf8(body);
  return { text: mended ?? body, undecodable: mended !== null };
}

/** Bytes with U+FFFD where they are not UTF-8, or null where they are. */
export function mendUtf8(bytes: Uint8Array): Uint8Array | null {
  return isUtf8(bytes) ? null : encoder.encode(lenient.decode(bytes));
}

/** Whether a text has more than `count` characters (Unicode code points). */
export function hasMoreCharacters(utf8: Uint8Array, count: number): boolean {
  if (utf8.length > 4 * count) return true;
  let characters = 0;
  for (const byte of utf8) if ((byte & 0xc0) !== 0x80) characters++;
  return characters > count;
}
