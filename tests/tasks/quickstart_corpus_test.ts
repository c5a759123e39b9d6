import assert from "node:assert/strict";
import { readCorpus } from "../../src/corpus/read.ts";
import { quickstartCorpus } from "../../tasks/quickstart_corpus.ts";

Deno.test("the quickstart's corpus is megabytes of Python and of C++, all of it text", async () => {
  const { input, include, exclude, sources } = await quickstartCorpus();
  assert.equal(sources.length, input.length);
  const { documents, report } = readCorpus(input, { include, exclude });
  let largest = 0;
  for await (const { text } of documents) largest = Math.max(largest, text.length);
  assert.ok(report.languages.python.bytes > 5e6, JSON.stringify(report.languages));
  assert.ok(report.languages.cpp.bytes > 5e6, JSON.stringify(report.languages));
  assert.ok(report.textBytes < 30e6 && largest < 1e6, `${report.textBytes} bytes, largest file ${largest}`);
  assert.equal(report.skippedBinary + report.replacedUndecodable, 0);
});
