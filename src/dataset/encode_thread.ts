/**
 * A thread that encodes blocks: this module (or, in a bundle, the whole program) started again under a name of its own. It imports little,
 * because its start is time in which nothing is encoded: another tokenizer than byte-level BPE is loaded when one is asked for.
 */
import { UserError } from "../errors.ts";
import { isThreadFor } from "../thread.ts";
import { growEncoder } from "../tokenizer/encoder.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type BlockEncoder, buffersOf, createBlockEncoder } from "./encode_block.ts";
import { type Answer, ENCODE_THREAD, failureOf, packEncoded, type Request, type Start } from "./encode_messages.ts";

interface WorkerScope {
  postMessage(message: Answer, transfer?: ArrayBuffer[]): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
}

async function openEncoder({ settings, seed, tokenizer: name, fingerprint }: Start): Promise<BlockEncoder> {
  const tokenizer = seed ? growEncoder(seed) : await loadAgain(name, fingerprint);
  return await createBlockEncoder(tokenizer, settings);
}

async function loadAgain(name: string, fingerprint: string): Promise<Tokenizer> {
  const { loadTokenizer } = await import("../tokenizer/load.ts");
  const tokenizer = await loadTokenizer(name);
  if (tokenizer.fingerprint === fingerprint) return tokenizer;
  throw new UserError("the tokenizer was changed while it was in use", { where: name });
}

/** What a thread does: each request is answered in turn. */
function serve(scope: WorkerScope): void {
  let opening: Promise<BlockEncoder> | null = null;
  let done: Start["done"] | null = null;
  scope.onmessage = async ({ data }) => {
    if ("start" in data) {
      done = data.start.done;
      opening = openEncoder(data.start);
      opening.catch(() => {}); // told with the first block
      return;
    }
    try {
      if (opening === null) throw new Error("no tokenizer was named");
      const encoder = await opening;
      if (data.spare) encoder.reuse(data.spare);
      const encoded = encoder.encode(data.blocks);
      if (done) Atomics.add(done, 0, 1);
      const buffers = data.blocks.map(({ bytes }) => bytes.buffer);
      scope.postMessage({ encoded: packEncoded(encoded), buffers }, [...buffersOf(encoded), ...buffers]);
    } catch (error) {
      if (done) Atomics.add(done, 0, 1);
      scope.postMessage({ failure: failureOf(error) });
    }
  };
}

if (isThreadFor(ENCODE_THREAD)) serve(globalThis as unknown as WorkerScope);
