/**
 * GPT-2's printable alphabet: every byte has a printable character that stands for it in vocabulary files. Printable
 * Latin-1 bytes stand for themselves; the other 68 (control characters, space, 127–160, 173) get U+0100 and up in order.
 */

/** The character that stands for each byte. */
export const BYTE_TO_CHAR: readonly string[] = alphabet();

/** The bytes in the order of their characters' code points, which is the order of ids 0–255 in GPT-2 and after training. */
export const BYTES_IN_ID_ORDER: readonly number[] = Array.from({ length: 256 }, (_, byte) => byte)
  .sort((a, b) => BYTE_TO_CHAR[a].charCodeAt(0) - BYTE_TO_CHAR[b].charCodeAt(0));

const CHAR_TO_BYTE = new Map(BYTE_TO_CHAR.map((character, byte) => [character, byte]));

function alphabet(): string[] {
  const characters: string[] = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    characters.push(String.fromCharCode(printable ? byte : next++));
  }
  return characters;
}

/** The printable form of some bytes, as vocabulary files spell them: ` the` is `Ġthe`. */
export function toPrintable(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += BYTE_TO_CHAR[byte];
  return text;
}

/** The bytes that a printable form stands for, or null where it holds a character outside the alphabet. */
export function fromPrintable(text: string): Uint8Array<ArrayBuffer> | null {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = CHAR_TO_BYTE.get(text[i]);
    if (byte === undefined) return null;
    bytes[i] = byte;
  }
  return bytes;
}
