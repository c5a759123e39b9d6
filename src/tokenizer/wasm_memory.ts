/** Changes what a WebAssembly module (binary format 1) declares of its memory. */

const HEADER_BYTES = 8;
const MEMORY_SECTION = 5;
/** 4 GiB: what a 32-bit address reaches. */
const WHOLE_PAGES = 65536;

/**
 * The module with a memory that may grow to 4 GiB; null where it has none of its own, or one that may already.
 * @throws {RangeError} where the bytes are no module.
 */
export function declareWholeMemory(module: Uint8Array): Uint8Array<ArrayBuffer> | null {
  for (let at = HEADER_BYTES; at < module.length;) {
    const size = readUnsigned(module, at + 1);
    const end = size.end + size.value;
    if (module[at] !== MEMORY_SECTION) {
      at = end;
      continue;
    }
    const count = readUnsigned(module, size.end);
    const flags = module[count.end];
    // Bit 0: a maximum is declared; bit 1: shared; others make it another kind of memory.
    if (count.value !== 1 || (flags & ~2) !== 1) return null;
    const minimum = readUnsigned(module, count.end + 1);
    const maximum = readUnsigned(module, minimum.end);
    if (maximum.value >= WHOLE_PAGES) return null;
    const content = [...module.subarray(size.end, minimum.end), ...unsigned(WHOLE_PAGES)];
    const section = [MEMORY_SECTION, ...unsigned(content.length), ...content];
    const changed = new Uint8Array(at + section.length + module.length - end);
    changed.set(module.subarray(0, at));
    changed.set(section, at);
    changed.set(module.subarray(end), at + section.length);
    return changed;
  }
  return null;
}

/** An unsigned LEB128 number of up to 32 bits, and where it ends. */
function readUnsigned(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < 5 && at + i < bytes.length; i++) {
    value += (bytes[at + i] & 127) * 2 ** (7 * i);
    if (bytes[at + i] < 128) return { value, end: at + i + 1 };
  }
  throw new RangeError(`no number at byte ${at} of the WebAssembly module`);
}

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...unsigned(Math.floor(value / 128))];
}
