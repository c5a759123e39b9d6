/**
 * Where everything is in an encoder's memory. Read by AssemblyScript and by the host (src/tokenizer/wasm_engine.ts).
 * Addresses are in bytes. Behind VOCABULARY come the merge table, the merges' results and the text, whose places depend on
 * the vocabulary; behind the text, what a long piece needs.
 */

/** Id of each of the 256 bytes, u32. In front of them kernels/corpus may have its data, behind them are this module's (MASKS in cache.ts). */
export const BYTE_IDS = 4096;
/** Class of every code point, two bits each. */
export const CLASSES = 8192;
/** Key of the merge of every two bytes, u32 at `first * 256 + second`: `rank << 8`, or NO_MERGE_KEY. */
export const BYTE_PAIRS = 294912;
/** Ids and keys of the piece that is being merged by scanning, 64 words each. */
export const SCAN_IDS = 557056;
export const SCAN_KEYS = 557568;
/** The cache: sets of 64 bytes, two entries each (cache.ts). */
export const CACHE = 589824;
export const CACHE_SETS_LOG2 = 15;
/** A ring of what does not fit into an entry of the cache. */
export const ARENA = 2686976;
export const ARENA_BYTES = 1048576;
/** What the heap path needs for pieces of up to MEDIUM_PIECE bytes: 20 bytes for each of them, and the ids' slots. */
export const MEDIUM_SCRATCH = 3735552;
export const MEDIUM_PIECE = 4096;
/** Ids come out here, OUTPUT_IDS of them at most before the host takes them. */
export const OUTPUT = 3866624;
export const OUTPUT_IDS = 61440;
/** A bit for the upper 19 bits of every merge's hash. */
export const FILTER = 4128768;
/** Where the vocabulary's tables begin. */
export const VOCABULARY = 4194304;

/** Bytes behind the text that are read, and may be written. */
export const TEXT_PADDING = 128;
/** Where text may go on behind the window, pieces that end in its last bytes are not certain yet. */
export const LOOKAHEAD = 8;
/** Key of a pair that is not a merge: larger than every other. */
export const NO_MERGE_KEY = 0x7fffff00;
/** Ids and ranks are below; a slot of the merge table holds two ids and a rank. */
export const MAX_ID = 2097151;
export const MAX_MERGES = 4194304;
/** Of the merge table. */
export const SLOT_BYTES = 8;
/** What `encode` returns where there is no memory for a long piece. */
export const OUT_OF_MEMORY = -1;

/** The patterns by number, in the order of PATTERN_NAMES. */
export const GPT2 = 0;
export const DIGITS = 1;
export const CODE = 2;
