/**
 * Prints what the tasks put into DENO_V8_FLAGS: the flags that are there already and those of src/device/cpu/engine.ts, or
 * in their place CODEKILN_V8_FLAGS where that is set, be it empty.
 */
import { engineFlags } from "../src/device/cpu/engine.ts";

/** Deno does not start with an empty list; this is on in any case. */
const HARMLESS = "--wasm-tier-up";

const own = Deno.env.get("CODEKILN_V8_FLAGS") ?? engineFlags().join(",");
console.log([Deno.env.get("DENO_V8_FLAGS"), own].filter(Boolean).join(",") || HARMLESS);
