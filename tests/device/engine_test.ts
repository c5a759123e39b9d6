/** V8's flags for the CPU device: who gives them, and that they change the speed alone. */
import { engineFlags } from "../../src/device/cpu/engine.ts";
import { assert } from "../assert.ts";

const decoder = new TextDecoder();

async function start(script: string, env: Record<string, string>, ...args: string[]): Promise<string> {
  const path = decodeURIComponent(new URL(script, import.meta.url).pathname);
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", path, ...args],
    env: { ...Deno.env.toObject(), ...env },
    stdin: "null",
  });
  const { success, stdout, stderr } = await command.output();
  assert.ok(success, decoder.decode(stderr));
  return decoder.decode(stdout);
}

/** A flag that is on in any case, in place of the flags that the tests themselves may run with. */
const NONE = "--wasm-tier-up";
/** All code is optimized from the start: so many short ops would never get that far. Without it, most of them stay with the baseline compiler. */
const OPTIMIZED = "--no-liftoff";

for (const build of ["relaxed", "plain"]) {
  Deno.test({
    name: `every op gives the same bits with fused vectors and without, ${build} SIMD`,
    ignore: engineFlags().length === 0,
    async fn() {
      const engines = [NONE, OPTIMIZED, [...engineFlags(), OPTIMIZED].join(",")];
      const [baseline, checked, wide] = await Promise.all(engines.map(async (flags) => {
        const [name, ...lines] = (await start("engine_run.ts", { DENO_V8_FLAGS: flags }, build)).trim().split("\n");
        return { name, lines };
      }));
      assert.match(wide.name, /wide/);
      assert.doesNotMatch(checked.name, /wide/);
      assert.ok(wide.lines.length > 150, `${wide.lines.length} ops`);
      assert.deepEqual(checked.lines, baseline.lines);
      assert.deepEqual(wide.lines, baseline.lines);
    },
  });
}

Deno.test("the tasks' flags are those of the processor behind those that are there, unless CODEKILN_V8_FLAGS is set", async () => {
  const script = "../../tasks/v8_flags.ts";
  const ours = engineFlags().join(",") || NONE;
  assert.equal(await start(script, { DENO_V8_FLAGS: "--expose-gc" }), `--expose-gc,${ours}\n`);
  assert.equal(await start(script, { DENO_V8_FLAGS: NONE, CODEKILN_V8_FLAGS: "" }), `${NONE}\n`);
  assert.equal(await start(script, { DENO_V8_FLAGS: NONE, CODEKILN_V8_FLAGS: "--expose-gc" }), `${NONE},--expose-gc\n`);
  assert.deepEqual(engineFlags("aarch64"), []);
});
