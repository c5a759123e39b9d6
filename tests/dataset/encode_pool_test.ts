/** The pool of encoding threads where something goes wrong. */
import type { Block } from "../../src/corpus/block.ts";
import { createEncodePool } from "../../src/dataset/encode_pool.ts";
import { startThread, startThreadAhead } from "../../src/dataset/thread_handle.ts";
import { tokenizeCorpus } from "../../src/dataset/tokenize_corpus.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { assert, assertFails } from "../assert.ts";
import { inFolder } from "./files.ts";

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
    using pool = createEncodePool({
      ...{ workers: 2, tokenizer, ahead: startThread(), onBlockDone: () => {}, parse: {}, eosId: null, wide: false },
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await assertFails(() => pool.encode([block()]), "no memory");
  } finally {
    globalThis.Worker = own;
  }
});

/** Runs with threads that do nothing; gives how many of them are left. */
async function withoutThreads(action: () => Promise<void>): Promise<number> {
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
    await action();
    return running;
  } finally {
    globalThis.Worker = own;
  }
}

Deno.test("options that cannot be used are told where something is encoded, and no thread is left behind", async () => {
  const tokenizer = await loadTokenizer("gpt2");
  const parse = { languages: ["klingon"] };
  const left = await withoutThreads(async () => {
    using pool = createEncodePool({
      ...{ workers: 2, tokenizer, ahead: startThread(), onBlockDone: () => {}, parse, eosId: null, wide: false },
    });
    await assertFails(() => pool.encodeHere([block()]), "klingon");
  });
  assert.equal(left, 0);
});

Deno.test("a thread is started ahead for a large file, and ended where the run does not come to it", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/small`, new Uint8Array(1000));
    await Deno.writeFile(`${folder}/large`, new Uint8Array(5 * 1024 * 1024));
    const left = await withoutThreads(async () => {
      for (const paths of [["small", folder, "-", "missing"], []]) {
        assert.equal(await startThreadAhead(paths, 2), null);
      }
      assert.equal(await startThreadAhead([`${folder}/large`], 1), null);
      const ahead = await startThreadAhead([`${folder}/small`, `${folder}/large`], 2);
      assert.ok(ahead);
      const tokenizer = { ...await loadTokenizer("gpt2"), eosId: null };
      const run = { paths: [`${folder}/large`], reading: {}, tokenizer, prefix: `${folder}/x`, ahead };
      await assertFails(() => tokenizeCorpus(run), "end-of-text");
    });
    assert.equal(left, 0);
  }));
