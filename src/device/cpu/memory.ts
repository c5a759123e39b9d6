/**
 * The CPU device's memory: one shared WASM memory of at most 4 GiB, and a first-fit allocator over it. The memory never moves
 * and never shrinks; what is freed is used again.
 */
import { DeviceError } from "../../errors.ts";
import { HEAP_START } from "../../../kernels/cpu/control.ts";

const PAGE_BYTES = 65536;
const MAX_PAGES = 65536;
/** Blocks start at multiples of this many bytes. */
const GRAIN_BYTES = 256;

/** The largest heap, in bytes. */
export const MAX_HEAP_BYTES = MAX_PAGES * PAGE_BYTES - HEAP_START;

export interface CpuMemory {
  readonly wasm: WebAssembly.Memory;
  /** Bytes that could still be allocated, in one piece or several. */
  left(): number;
  /**
   * Allocates a block; its contents are whatever was there.
   * @returns its byte address
   * @throws {DeviceError} where no piece of that size is left
   */
  allocate(bytes: number): number;
  /** The same, full of zeros. */
  allocateZeros(bytes: number): number;
  free(address: number): void;
  /** Views of a block. They stay right when the memory grows. */
  floats(address: number, elements: number): Float32Array<SharedArrayBuffer>;
  words(address: number, elements: number): Uint32Array<SharedArrayBuffer>;
}

interface Gap {
  start: number;
  end: number;
}

/**
 * A memory of full size at once, of which the system gives pages as they are touched. Where it refuses that, one that grows: threads
 * learn of a growth only when they next look up from their work, and an access behind the size they know may fail until then.
 * @throws {DeviceError} where the system does not give the address space.
 */
function reserve(): WebAssembly.Memory {
  const maximum = MAX_PAGES;
  try {
    return new WebAssembly.Memory({ initial: maximum, maximum, shared: true });
  } catch {
    // The system promises no more than it has.
  }
  try {
    return new WebAssembly.Memory({ initial: HEAP_START / PAGE_BYTES + 16, maximum, shared: true });
  } catch (cause) {
    throw new DeviceError(`the CPU device's memory cannot be reserved: ${String(cause)}`, {
      expected: "4 GiB of address space",
      hint: "lift the limit of the process (ulimit -v unlimited)",
      cause,
    });
  }
}

/** Reserves the memory and hands out blocks of it. */
export function createMemory(): CpuMemory {
  const wasm = reserve();
  /** Free pieces in order of address; the last one reaches to the end of what may be grown to. */
  const gaps: Gap[] = [{ start: HEAP_START, end: MAX_PAGES * PAGE_BYTES }];
  const sizes = new Map<number, number>();

  /** Everything from here on is as the system gave it: zeros. */
  let untouched = HEAP_START;

  const growTo = (end: number) => {
    const missing = end - wasm.buffer.byteLength;
    if (missing <= 0) return;
    try {
      wasm.grow(Math.ceil(missing / PAGE_BYTES));
    } catch (cause) {
      throw new DeviceError(`the system does not give ${Math.ceil(missing / 1e6)} MB more memory`, {
        hint: "use a smaller micro batch, a shorter sequence or a smaller model",
        cause,
      });
    }
  };

  const allocate = (bytes: number): number => {
    const size = Math.max(GRAIN_BYTES, Math.ceil(bytes / GRAIN_BYTES) * GRAIN_BYTES);
    const index = gaps.findIndex(({ start, end }) => end - start >= size);
    if (index < 0) {
      throw new DeviceError(`no piece of ${Math.ceil(size / 1e6)} MB is left in the CPU device's memory of 4 GiB`, {
        hint: "use a smaller micro batch, a shorter sequence or a smaller model",
      });
    }
    const gap = gaps[index];
    growTo(gap.start + size);
    const address = gap.start;
    gap.start += size;
    if (gap.start === gap.end) gaps.splice(index, 1);
    sizes.set(address, size);
    untouched = Math.max(untouched, gap.start);
    return address;
  };

  return {
    wasm,
    left: () => gaps.reduce((sum, { start, end }) => sum + end - start, 0),
    allocate,
    allocateZeros(bytes) {
      const clean = untouched;
      const address = allocate(bytes);
      const used = Math.min(bytes, clean - address);
      if (used > 0) new Uint8Array(wasm.buffer, address, used).fill(0);
      return address;
    },
    free(address) {
      const size = sizes.get(address);
      if (size === undefined) throw new RangeError(`nothing is allocated at ${address}`);
      sizes.delete(address);
      const after = gaps.findIndex(({ start }) => start > address);
      const index = after < 0 ? gaps.length : after;
      gaps.splice(index, 0, { start: address, end: address + size });
      for (let i = Math.max(1, index); i <= index + 1 && i < gaps.length;) {
        if (gaps[i - 1].end < gaps[i].start) i++;
        else {
          gaps[i - 1].end = gaps[i].end;
          gaps.splice(i, 1);
        }
      }
    },
    floats: (address, elements) => new Float32Array(wasm.buffer as unknown as SharedArrayBuffer, address, elements),
    words: (address, elements) => new Uint32Array(wasm.buffer as unknown as SharedArrayBuffer, address, elements),
  };
}
