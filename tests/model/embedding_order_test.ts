import fc from "fast-check";
import { sortTokens } from "../../src/model/embedding_order.ts";
import { assert } from "../assert.ts";

Deno.test("sortTokens() lists the rows of each distinct token, in order", () => {
  fc.assert(fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 60 }), (list) => {
    const tokens = Uint32Array.from(list);
    const { order, starts } = sortTokens(tokens);
    const expected = [...tokens.keys()].sort((a, b) => tokens[a] - tokens[b] || a - b);
    assert.deepEqual([...order], expected);
    const runs = [...new Set(list)].length;
    assert.deepEqual([...starts].slice(runs), Array(tokens.length + 1 - runs).fill(tokens.length));
    for (let run = 0; run < runs; run++) {
      const members = [...order.subarray(starts[run], starts[run + 1])].map((row) => tokens[row]);
      assert.equal(new Set(members).size, 1);
    }
  }));
});

Deno.test("sortTokens() stays exact for the largest ids", () => {
  const { order, starts } = sortTokens(Uint32Array.of(200_000, 199_999, 200_000));
  assert.deepEqual([[...order], [...starts]], [[1, 0, 2], [0, 1, 3, 3]]);
});
