/** The ids of spm_encode, by models of spm_train: see spm/README.md. */
import { isCacheable } from "../../src/tokenizer/sentencepiece_cache.ts";
import { parseSentencePieceModel } from "../../src/tokenizer/sentencepiece_model.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { assert } from "../assert.ts";

const folder = new URL("./spm/", import.meta.url).pathname;

interface Reference {
  readonly text: string;
  readonly bpe: number[];
  readonly unigram: number[];
}

for (const type of ["bpe", "unigram"] as const) {
  Deno.test(`a ${type} model of sentencepiece's own gives the ids of spm_encode`, async () => {
    const lines = (await Deno.readTextFile(`${folder}ids.jsonl`)).trimEnd().split("\n");
    const references = lines.map((line): Reference => JSON.parse(line));
    const file = `${folder}code_${type}.model`;
    assert.equal(isCacheable(parseSentencePieceModel(await Deno.readFile(file), file)), type === "bpe");
    const tokenizer = await loadTokenizer(file);
    const utf8 = new TextEncoder();
    for (const { text, [type]: ids } of references) {
      assert.deepEqual([...tokenizer.encode(utf8.encode(text))], ids, JSON.stringify(text));
      if (type === "bpe" && !text.includes("\u2581")) {
        assert.equal(
          new TextDecoder("utf-8", { ignoreBOM: true }).decode(tokenizer.decode(Uint32Array.from(ids))),
          text,
        );
      }
    }
    assert.ok(references.length > 20);
  });
}
