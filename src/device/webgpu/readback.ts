/**
 * Copies buffers to the host. An awaited `mapAsync` costs Deno a fixed 11 ms, so small reads go a synchronous way where they
 * can: a staging buffer that has been mapped once before answers `getMappedRange` at once after `mapAsync`, which itself waits
 * for the device. The promise is settled later; a buffer is not used again before that, hence a ring of them. Measured on Deno
 * 2.9.6; the first use of a buffer, and any failure, takes the awaited way. Large reads go through big buffers, awaited.
 */
import type { Piece } from "./storages.ts";

/** A piece of device memory and the host memory that it is copied to. */
export interface Copy {
  readonly piece: Piece;
  /** Exactly as long as the piece. */
  readonly target: Float32Array<ArrayBufferLike> | Uint32Array<ArrayBufferLike>;
}

export interface Readback {
  /** Whether a read of so many bytes is taken as of the call, whatever is submitted before it is done. */
  isSnapshot(bytes: number): boolean;
  /** Hands over the copies; the targets are filled once the promise resolves. */
  read(copies: readonly Copy[]): Promise<void>;
  destroy(): void;
}

export interface ReadbackOptions {
  /** Always await, as where the synchronous way is not to be had. */
  awaited?: boolean;
}

const SMALL_BYTES = 64 * 1024;
const RING = 6;
const CHUNK_BYTES = 32 * 1024 * 1024;
const CHUNKS = 4;

interface Slot {
  buffer: GPUBuffer;
  warm: boolean;
  settled: boolean;
  mapped: Promise<void>;
}

const sizeOf = (copies: readonly Copy[]) => copies.reduce((sum, { piece }) => sum + piece.elements * 4, 0);

function take(buffer: GPUBuffer, copies: readonly Copy[]): void {
  const bytes = buffer.getMappedRange(0, sizeOf(copies));
  let at = 0;
  for (const { target } of copies) {
    if (target instanceof Float32Array) target.set(new Float32Array(bytes, at, target.length));
    else target.set(new Uint32Array(bytes, at, target.length));
    at += target.byteLength;
  }
}

/** Cuts copies so that each group fits one staging buffer. */
function groups(copies: readonly Copy[], capacityBytes: number): Copy[][] {
  const out: Copy[][] = [];
  let room = 0;
  for (const { piece, target } of copies) {
    for (let first = 0; first < piece.elements;) {
      if (room === 0) {
        out.push([]);
        room = capacityBytes / 4;
      }
      const elements = Math.min(room, piece.elements - first);
      out[out.length - 1].push({
        piece: { ...piece, byteOffset: piece.byteOffset + first * 4, first: piece.first + first, elements },
        target: target.subarray(first, first + elements),
      });
      first += elements;
      room -= elements;
    }
  }
  return out;
}

/** Makes the staging buffers of one device. */
export function createReadback(device: GPUDevice, options: ReadbackOptions = {}): Readback {
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  const staging = (size: number) => device.createBuffer({ label: "staging", size, usage });
  const ring: Slot[] = [];
  let next = 0;

  const copy = (buffer: GPUBuffer, copies: readonly Copy[]) => {
    const encoder = device.createCommandEncoder();
    let at = 0;
    for (const { piece } of copies) {
      encoder.copyBufferToBuffer(piece.buffer, piece.byteOffset, buffer, at, piece.elements * 4);
      at += piece.elements * 4;
    }
    device.queue.submit([encoder.finish()]);
  };

  const free = (): Slot | undefined => {
    for (let i = 0; i < ring.length; i++) {
      const slot = ring[(next + i) % ring.length];
      if (slot.settled) {
        next = (next + i + 1) % ring.length;
        return slot;
      }
    }
    if (ring.length === RING) return undefined;
    const slot = { buffer: staging(SMALL_BYTES), warm: false, settled: true, mapped: Promise.resolve() };
    ring.push(slot);
    return slot;
  };

  const readSmall = async (copies: readonly Copy[]) => {
    const slot = free();
    if (!slot) return await readLarge(copies);
    copy(slot.buffer, copies);
    slot.settled = false;
    slot.mapped = slot.buffer.mapAsync(GPUMapMode.READ);
    const settle = () => {
      slot.settled = true;
    };
    if (slot.warm && !options.awaited) {
      try {
        take(slot.buffer, copies);
        slot.buffer.unmap();
        slot.mapped.then(settle, settle);
        return;
      } catch {
        // Not mapped yet after all: wait for it.
      }
    }
    try {
      await slot.mapped;
      take(slot.buffer, copies);
      slot.buffer.unmap();
      slot.warm = true;
    } finally {
      settle();
    }
  };

  const readLarge = async (copies: readonly Copy[]) => {
    const waiting = groups(copies, CHUNK_BYTES);
    while (waiting.length > 0) {
      const batch = waiting.splice(0, CHUNKS).map((group) => ({ group, buffer: staging(sizeOf(group)) }));
      try {
        for (const { buffer, group } of batch) copy(buffer, group);
        await Promise.all(batch.map(({ buffer }) => buffer.mapAsync(GPUMapMode.READ)));
        for (const { buffer, group } of batch) take(buffer, group);
      } finally {
        for (const { buffer } of batch) buffer.destroy();
      }
    }
  };

  return {
    isSnapshot: (bytes) => bytes <= CHUNK_BYTES * CHUNKS,
    read: (copies) => sizeOf(copies) <= SMALL_BYTES ? readSmall(copies) : readLarge(copies),
    destroy() {
      for (const { buffer } of ring) buffer.destroy();
    },
  };
}
