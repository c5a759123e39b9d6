/**
 * Exact duplicates by content, in bounded memory: the first 128 bits of SHA-256 of every document's text in a hash table
 * with open addressing (linear probing) in one typed array. The first of equal documents in the order of the corpus stays.
 *
 * The table doubles as it fills, up to what the memory cap allows. When it is full, what it holds is still recognised,
 * but documents that are new then are not noted: later copies of those stay. They are counted, so nobody is misled.
 */
import { UserError } from "../errors.ts";

/** A hash of 128 bits as four 32-bit words. */
export type ContentHash = Uint32Array;

const WORDS = 4;
const SLOT_BYTES = WORDS * 4;
const FIRST_SLOTS = 1024;
/** While the table doubles, the old one is there as well. */
const GROWTH_BYTES_A_SLOT = SLOT_BYTES * 1.5;
const MAX_LOAD = 0.75;

/** What makes content hashes. Its module is loaded here: starting a thread without it takes half the time. */
export async function createContentHash(): Promise<(text: Uint8Array) => ContentHash> {
  const { createHash } = await import("node:crypto");
  return (text) => {
    const digest = createHash("sha256").update(text).digest();
    const words = new Uint32Array(WORDS);
    new Uint8Array(words.buffer).set(digest.subarray(0, SLOT_BYTES));
    return words;
  };
}

export interface Deduplicator {
  /** Whether this hash was not seen before; notes it, as long as there is room. To be asked in document order. */
  isNew(hash: ContentHash): boolean;
  /** Different hashes noted. */
  readonly noted: number;
  /** New ones that were not noted because the table was full. */
  readonly unnoted: number;
  /** Most hashes that fit. */
  readonly capacity: number;
}

/**
 * An empty table.
 * @param maxMemoryBytes Cap on its memory, also while it grows.
 * @throws UserError where the cap leaves no room for a table.
 */
export function createDeduplicator({ maxMemoryBytes }: { maxMemoryBytes: number }): Deduplicator {
  if (maxMemoryBytes < FIRST_SLOTS * GROWTH_BYTES_A_SLOT) {
    throw new UserError(`${maxMemoryBytes} bytes are too few to find duplicates with`, {
      expected: `at least ${FIRST_SLOTS * GROWTH_BYTES_A_SLOT}`,
    });
  }
  let slots = FIRST_SLOTS;
  let maxSlots = FIRST_SLOTS;
  while (2 * maxSlots * GROWTH_BYTES_A_SLOT <= maxMemoryBytes) maxSlots *= 2;
  let table = new Uint32Array(slots * WORDS);
  let noted = 0;
  let unnoted = 0;

  /** The slot that holds these words, or the empty one where they belong. Empty slots are all zeros. */
  function find(a: number, b: number, c: number, d: number): number {
    for (let slot = b & (slots - 1);; slot = (slot + 1) & (slots - 1)) {
      const at = slot * WORDS;
      const isEmpty = (table[at] | table[at + 1] | table[at + 2] | table[at + 3]) === 0;
      if (isEmpty || (table[at] === a && table[at + 1] === b && table[at + 2] === c && table[at + 3] === d)) return at;
    }
  }

  function put(at: number, a: number, b: number, c: number, d: number): void {
    table[at] = a;
    table[at + 1] = b;
    table[at + 2] = c;
    table[at + 3] = d;
  }

  function grow(): void {
    const old = table;
    slots *= 2;
    table = new Uint32Array(slots * WORDS);
    for (let at = 0; at < old.length; at += WORDS) {
      const [a, b, c, d] = [old[at], old[at + 1], old[at + 2], old[at + 3]];
      if ((a | b | c | d) !== 0) put(find(a, b, c, d), a, b, c, d);
    }
  }

  return {
    isNew(hash) {
      const [a, b, c] = hash;
      const d = (a | b | c | hash[3]) === 0 ? 1 : hash[3]; // all zeros would look empty
      let at = find(a, b, c, d);
      if ((table[at] | table[at + 1] | table[at + 2] | table[at + 3]) !== 0) return false;
      if (noted + 1 > slots * MAX_LOAD) {
        if (slots === maxSlots) {
          unnoted++;
          return true;
        }
        grow();
        at = find(a, b, c, d);
      }
      put(at, a, b, c, d);
      noted++;
      return true;
    },
    get noted() {
      return noted;
    },
    get unnoted() {
      return unnoted;
    },
    capacity: Math.floor(maxSlots * MAX_LOAD),
  };
}
