/** The pool of encoding threads where something goes wrong. */
import type { Block } from "../../src/corpus/block.ts";
import { createEncodePool } from "../../src/dataset/encode_pool.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { assert, assertFails } from "../assert.ts";

const block = (): Block => ({
  kind: "lines",
  label: "a.jsonl",
  namePasses: true,
  bytes: new TextEncoder().encode('{"text": "some text"}\n'),
  lines: 1,
  line: 1,
  offset: 0,
  plain: true,
});

Deno.test("a thread that dies before it has work fails what it is given later", async () => {
  const own = globalThis.Worker;
  globalThis.Worker = class extends EventTarget {
    onerror: ((event: ErrorEvent) => void) | null = null;
    constructor() {
      super();
      setTimeout(() => this.onerror?.(new ErrorEvent("error", { message: "no memory" })), 0);
    }
    postMessage() {}
    terminate() {}
  } as unknown as typeof Worker;
  try {
    const tokenizer = await loadTokenizer("gpt2");
    using pool = await createEncodePool({
      ...{ workers: 2, tokenizer, ahead: true, onBlockDone: () => {}, parse: {}, eosId: null, wide: false },
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await assertFails(() => pool.encode([block()]), "no memory");
  } finally {
    globalThis.Worker = own;
  }
});

Deno.test("a pool that cannot be made leaves no thread behind", async () => {
  const own = globalThis.Worker;
  let running = 0;
  globalThis.Worker = class {
    constructor() {
      running++;
    }
    postMessage() {}
    terminate() {
      running--;
    }
  } as unknown as typeof Worker;
  try {
    const tokenizer = await loadTokenizer("gpt2");
    const parse = { languages: ["klingon"] };
    await assertFails(
      () =>
        createEncodePool({
          ...{ workers: 2, tokenizer, ahead: true, onBlockDone: () => {}, parse, eosId: null, wide: false },
        }),
      "klingon",
    );
    assert.equal(running, 0);
  } finally {
    globalThis.Worker = own;
  }
});
