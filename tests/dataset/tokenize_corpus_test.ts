/** data in threads: the same bytes for any number of them, and through a stop, a kill and a resume. The tests run this file as a program. */
import { crc32 } from "node:zlib";
import { readCorpus, type ReadCorpusOptions } from "../../src/corpus/read.ts";
import { buildTokenFile } from "../../src/dataset/build.ts";
import { parseHashSplit } from "../../src/dataset/hash_split.ts";
import { journalPath, readJournal } from "../../src/dataset/journal.ts";
import { tokenizeCorpus, type TokenizeOptions } from "../../src/dataset/tokenize_corpus.ts";
import { loadTokenizer } from "../../src/tokenizer/load.ts";
import { dirname } from "node:path";
import { assert, assertFails } from "../assert.ts";
import { inFolder, namesIn } from "./files.ts";
import { makeCorpus, makeTables, tinyTokenizer } from "./corpus_files.ts";

interface Job {
  paths: string[];
  prefix: string;
  tokenizer: string;
  reading?: ReadCorpusOptions;
  more?: Partial<TokenizeOptions>;
}

async function tokenize({ paths, prefix, tokenizer, reading = {}, more = {} }: Job) {
  return await tokenizeCorpus({
    paths,
    prefix,
    tokenizer: await loadTokenizer(tokenizer),
    reading: { minDocLength: 0, ...reading },
    workers: 1,
    groupBytes: 3000,
    checkpointMs: 0,
    options: { min_doc_length: 0, json_key: reading.jsonKey ?? "text" },
    ...more,
  });
}

const ABORT = 255;

if (import.meta.main) {
  const jobs: Job[] = JSON.parse(Deno.args[0]);
  const controller = new AbortController();
  Deno.addSignalListener("SIGTERM", () => controller.abort(new Error("stopped")));
  // Tells of each group, and needs a byte for it: so it is not done before it is killed. The byte says how many milliseconds the group
  // takes, or that the run is to stop there.
  const onProgress = () => {
    Deno.stdout.writeSync(new Uint8Array(1));
    const told = new Uint8Array(1);
    Deno.stdin.readSync(told);
    if (told[0] === ABORT) controller.abort(new Error("stopped"));
    else if (told[0] > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, told[0]);
  };
  await Promise.all(
    jobs.map((job) =>
      tokenize({ ...job, reading: { ...job.reading, signal: controller.signal }, more: { ...job.more, onProgress } })
    ),
  );
  Deno.exit(0);
}

/** The bytes of every file of a folder, by name. */
function contentsOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    namesIn(folder).map((name) => {
      const bytes = Deno.readFileSync(`${folder}/${name}`);
      return [name, Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")];
    }),
  );
}

async function withCorpus(test: (job: Omit<Job, "prefix">, folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const tokenizer = await tinyTokenizer(`${folder}/tok`);
    await test({ paths: await makeCorpus(`${folder}/corpus`), tokenizer }, folder);
  });
}

Deno.test("any number of threads writes the same bytes, with and without duplicates and a split", () =>
  withCorpus(async (job, folder) => {
    const variants: [string, Partial<Job>][] = [
      ["plain", {}],
      ["unique", { reading: { deduplicate: true } }],
      ["split", { more: { split: parseHashSplit("8,1,1", 3) } }],
    ];
    for (const [name, variant] of variants) {
      const outputs: Record<string, string>[] = [];
      for (const workers of name === "plain" ? [1, 2, 3] : [1, 3]) {
        const out = `${folder}/${name}${workers}`;
        const { report } = await tokenize({
          ...job,
          ...variant,
          prefix: `${out}/x`,
          more: { ...variant.more, workers },
        });
        assert.ok(report && report.documents > 250);
        assert.equal(report.skippedDuplicates > 0, name === "unique");
        outputs.push(contentsOf(out));
      }
      assert.equal(Object.keys(outputs[0]).length, name === "split" ? 9 : 3);
      for (const output of outputs.slice(1)) assert.ok(sameContents(output, outputs[0]), name);
    }
  }));

Deno.test("empty files between others go to threads and are left out", () =>
  inFolder(async (folder) => {
    const tokenizer = await tinyTokenizer(`${folder}/tok`);
    Deno.mkdirSync(`${folder}/in`);
    for (let i = 0; i < 40; i++) Deno.writeTextFileSync(`${folder}/in/${i}.py`, i % 2 ? "" : "x = 1\n".repeat(300));
    const { report } = await tokenize({
      paths: [`${folder}/in`],
      tokenizer,
      prefix: `${folder}/out/x`,
      more: { workers: 3 },
    });
    assert.deepEqual([report?.documents, report?.skippedEmpty], [20, 20]);
  }));

Deno.test("the fingerprint is that of the documents, through a stop and a resume too", () =>
  withCorpus(async (job, folder) => {
    const whole = await tokenize({ ...job, prefix: `${folder}/whole/x` });
    const { corpus_fingerprint: fingerprint } = whole.files[0].meta;
    assert.match(fingerprint, /^[0-9a-f]{64}$/);
    const tokenizer = await loadTokenizer(job.tokenizer);
    const { documents } = readCorpus(job.paths, { minDocLength: 0 });
    assert.equal(
      (await buildTokenFile({ documents, tokenizer, prefix: `${folder}/built` })).corpus_fingerprint,
      fingerprint,
    );
    const stopped = { ...job, prefix: `${folder}/out/x` };
    assert.ok(await killAfter([stopped], 7, "abort"));
    const resumed = await tokenize({ ...stopped, more: { resume: true } });
    assert.equal(resumed.files[0].meta.corpus_fingerprint, fingerprint);
  }));

Deno.test("a run of another version is not resumed, and says so", () =>
  withCorpus(async (job, folder) => {
    const stopped: Job = { ...job, prefix: `${folder}/out/x` };
    assert.ok(await killAfter([stopped], 5, "abort"));
    const path = journalPath(stopped.prefix);
    const [header, ...rest] = Deno.readTextFileSync(path).split("\n");
    const older = header.slice(9).replace(/"version":\d+/, '"version":1');
    const crc = crc32(older).toString(16).padStart(8, "0");
    Deno.writeTextFileSync(path, [`${crc} ${older}`, ...rest].join("\n"));
    await assertFails(() => tokenize({ ...stopped, more: { resume: true } }), "another version", "--overwrite");
  }));

function sameContents(a: Record<string, string>, b: Record<string, string>): boolean {
  const names = Object.keys(a);
  return names.join() === Object.keys(b).join() && names.every((name) => a[name] === b[name]);
}

/**
 * Runs jobs in one process, each group for `groupMs` or longer, and kills it after so many groups, or up to `more` later; false where they
 * were done before. SIGTERM is noticed within some 100 ms; `abort` stops right there.
 */
async function killAfter(
  jobs: Job[],
  groups: number,
  signal: Deno.Signal | "abort",
  { more = 0, groupMs = 0 } = {},
): Promise<boolean> {
  await using child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", new URL(import.meta.url).pathname, JSON.stringify(jobs)],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new Uint8Array(groups - 1 + more).fill(groupMs));
  let seen = 0;
  let killed = false;
  for await (const told of child.stdout) {
    seen += told.length;
    if (seen < groups || killed) continue;
    killed = true;
    try {
      if (signal === "abort") await writer.write(new Uint8Array([ABORT]));
      else child.kill(signal);
      if (signal !== "SIGKILL") await writer.write(new Uint8Array(10_000).fill(signal === "abort" ? 0 : 20));
    } catch {
      // It has ended by itself.
    }
  }
  await writer.close().catch(() => {});
  return !(await child.status).success;
}

/** Whether a run that was killed can be resumed in the middle. */
function hasCheckpoint({ prefix }: Job): boolean {
  const journal = readJournal(prefix);
  return journal !== null && journal.finished === null && journal.checkpoints.length > 0;
}

Deno.test("kill -9 at fifty moments, then --resume: the same bytes as a run that went through", () =>
  withCorpus(async (job, folder) => {
    const split = parseHashSplit("8,1,1", 3);
    const reading = { deduplicate: true };
    await tokenize({ ...job, reading, prefix: `${folder}/whole/x`, more: { split, checkpointMs: 1e9 } });
    const whole = contentsOf(`${folder}/whole`);
    // Starting a process is what costs: five runs share one, and each is hit in another place.
    const runs = Array.from({ length: 5 }, (_, i): Job => {
      return { ...job, reading, prefix: `${folder}/run${i}/x`, more: { split, resume: true } };
    });
    let random = 20261125;
    let kills = 0;
    let withCheckpoint = 0;
    let kept = 0; // of the last five
    let groupMs = 0;
    // The last ones are resumed below.
    while (kills < 50 || ((withCheckpoint < 15 || kept === 0) && kills < 200)) {
      random = Math.imul(random, 1103515245) + 12345 >>> 1;
      if (await killAfter(runs, 5 + random % 40, "SIGKILL", { more: (random >> 6) % 40, groupMs })) {
        kills += runs.length;
        kept = runs.filter(hasCheckpoint).length;
        withCheckpoint += kept;
        // Where the disk is slow, a checkpoint needs more time than these groups take.
        if (kept === 0) groupMs = Math.min(2 * groupMs + 1, 100);
      } else {
        kept = 0;
        for (const { prefix } of runs) Deno.removeSync(dirname(prefix), { recursive: true });
      }
    }
    let resumed = 0;
    for (const run of runs) {
      await tokenize({ ...run, more: { ...run.more, checkpointMs: 1e9, onResumed: () => resumed++ } });
      assert.ok(sameContents(contentsOf(dirname(run.prefix)), whole), run.prefix);
    }
    assert.ok(resumed > 0);
    assert.equal(resumed, kept);
    assert.ok(withCheckpoint >= 15, `${withCheckpoint} of ${kills} had a checkpoint`);
  }));

Deno.test("SIGTERM keeps what is done, and --resume goes on from it without encoding it again", () =>
  withCorpus(async (job, folder) => {
    await tokenize({ ...job, prefix: `${folder}/whole/x` });
    const stopped = { ...job, prefix: `${folder}/out/x`, more: { checkpointMs: 1e9 } };
    assert.ok(await killAfter([stopped], 5, "SIGTERM"));
    assert.deepEqual(namesIn(`${folder}/out`), ["x_ids.npy.partial", "x_idx.npz.partial", "x_journal.partial"]);
    let resumedFrom = 0;
    let documents = 0;
    const { report } = await tokenize({
      ...stopped,
      more: {
        resume: true,
        onResumed: (done) => resumedFrom = done.documents,
        onProgress: () => documents++,
      },
    });
    assert.ok(resumedFrom > 0 && documents > 0 && report !== null);
    assert.ok(sameContents(contentsOf(`${folder}/out`), contentsOf(`${folder}/whole`)));
    // Nothing is left to do.
    const again = await tokenize({ ...stopped, more: { resume: true } });
    assert.equal(again.report, null);
    assert.equal(again.files[0].meta.documents, report.documents);
  }));

Deno.test("tables: stopped or killed behind any of the groups, within a row group or between them, --resume gives the same bytes", () =>
  inFolder(async (folder) => {
    const tokenizer = await tinyTokenizer(`${folder}/tok`);
    const job = { paths: [await makeTables(`${folder}/tables`)], tokenizer, reading: { deduplicate: true } };
    let groups = 0;
    await tokenize({ ...job, prefix: `${folder}/whole/x`, more: { onProgress: () => groups++ } });
    assert.ok(groups >= 9, `${groups} groups`);
    const whole = contentsOf(`${folder}/whole`);
    const places = new Set<number>();
    for (let after = 1; after < groups; after++) {
      const run: Job = { ...job, prefix: `${folder}/run${after}/x` };
      // A run hit near its end may be done before the signal comes.
      await killAfter([run], after, after % 2 ? "abort" : "SIGKILL");
      await tokenize({ ...run, more: { resume: true, onResumed: (done) => places.add(done.documents) } });
      assert.ok(sameContents(contentsOf(dirname(run.prefix)), whole), `stopped after group ${after}`);
    }
    assert.ok(places.size >= 3, `resumed behind ${[...places]} documents`);
  }));

Deno.test("a stopped run's files are not overwritten unasked, and not resumed by another run", () =>
  withCorpus(async (job, folder) => {
    const stopped: Job = { ...job, prefix: `${folder}/out/x` };
    assert.ok(await killAfter([stopped], 5, "SIGTERM"));
    await assertFails(() => tokenize(stopped), "stopped", "--resume", "--overwrite");
    const resume = (other: Partial<Job>) => () =>
      tokenize({ ...stopped, ...other, more: { ...other.more, resume: true } });
    await assertFails(resume({ reading: { jsonKey: "body" } }), "--json_key was text", "body");
    await assertFails(resume({ tokenizer: "gpt2" }), "--tokenizer", "fingerprint");
    await assertFails(resume({ more: { appendEos: false } }), "--append_eos was true");
    await assertFails(resume({ paths: [job.paths[0]] }), "input 2 was");
    await assertFails(resume({ more: { overwrite: true } }), "exclude each other");
    await assertFails(resume({ paths: ["-"] }), "standard input");

    // A file that was read already.
    const [first] = namesIn(job.paths[0]);
    const path = `${job.paths[0]}/${first}`;
    const { mtime } = Deno.statSync(path);
    Deno.utimeSync(path, 1, 1);
    await assertFails(resume({}), "has changed", "--overwrite");
    Deno.renameSync(path, `${folder}/moved.py`);
    await assertFails(resume({}), "added, removed or renamed");
    Deno.renameSync(`${folder}/moved.py`, path);
    Deno.utimeSync(path, mtime ?? 0, mtime ?? 0);
    await resume({})();

    assert.ok(await killAfter([{ ...stopped, more: { overwrite: true } }], 5, "SIGTERM"));
    Deno.writeTextFileSync(job.paths[1], '{"text": "more"}\n', { append: true });
    await assertFails(resume({}), "input 2 was", "bytes");
    await tokenize({ ...stopped, more: { overwrite: true } });
    assert.deepEqual(namesIn(`${folder}/out`), ["x_ids.npy", "x_idx.npz", "x_meta.json"]);
  }));

Deno.test("a journal that is cut off or damaged at any byte is read up to its last whole record", () =>
  withCorpus(async (job, folder) => {
    await tokenize({ ...job, prefix: `${folder}/whole/x` });
    const whole = contentsOf(`${folder}/whole`);
    const stopped: Job = { ...job, prefix: `${folder}/out/x` };
    // Where the disk is slow, a checkpoint needs more time than these groups take.
    for (let groupMs = 0; groupMs <= 200 && (groupMs === 0 || !hasCheckpoint(stopped)); groupMs += 40) {
      assert.ok(await killAfter([{ ...stopped, more: { overwrite: true } }], 12, "SIGKILL", { groupMs }));
    }
    const saved = namesIn(`${folder}/out`).map((name) => [name, Deno.readFileSync(`${folder}/out/${name}`)] as const);
    const journal = Deno.readFileSync(journalPath(stopped.prefix));
    const header = journal.indexOf(10) + 1;
    assert.ok(journal.length > header);
    for (let i = 0; i < 8; i++) {
      for (const [name, bytes] of saved) Deno.writeFileSync(`${folder}/out/${name}`, bytes);
      const at = header + Math.floor((journal.length - header) * i / 8);
      const damaged = i % 2 === 0 ? journal.slice(0, at) : journal.slice();
      if (i % 2 === 1) damaged[at] ^= 1;
      Deno.writeFileSync(journalPath(stopped.prefix), damaged);
      await tokenize({ ...stopped, more: { resume: true, checkpointMs: 1e9 } });
      assert.ok(sameContents(contentsOf(`${folder}/out`), whole), `byte ${at}`);
    }
    Deno.writeFileSync(journalPath(stopped.prefix), journal.slice(0, header - 1));
    await assertFails(() => tokenize({ ...stopped, more: { resume: true } }), "damaged", "--overwrite");
  }));

Deno.test("where no more can be written, what is done is kept, and --resume goes on when there is room", () =>
  withCorpus(async (job, folder) => {
    if (Deno.build.os === "windows") return; // there is no such limit
    await tokenize({ ...job, prefix: `${folder}/whole/x`, more: { checkpointMs: 1e9 } });
    const run: Job = { ...job, prefix: `${folder}/out/x` };
    const program = new URL(import.meta.url).pathname;
    // A limit on the size of files fails as a full disk does, in the middle of a write.
    const child = new Deno.Command("bash", {
      args: [
        "-c",
        'trap "" XFSZ; ulimit -f 100; exec "$@"',
        "bash",
        Deno.execPath(),
        "run",
        "-A",
        "--no-check",
        program,
      ].concat(
        JSON.stringify([run]),
      ),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
    const { success, stderr } = await child.output();
    assert.ok(!success);
    assert.match(new TextDecoder().decode(stderr), /x_ids\.npy\.partial: cannot write/);
    assert.deepEqual(namesIn(`${folder}/out`), ["x_ids.npy.partial", "x_idx.npz.partial", "x_journal.partial"]);
    let resumedFrom = 0;
    await tokenize({
      ...run,
      more: { resume: true, checkpointMs: 1e9, onResumed: (done) => resumedFrom = done.documents },
    });
    assert.ok(resumedFrom > 0);
    assert.ok(sameContents(contentsOf(`${folder}/out`), contentsOf(`${folder}/whole`)));
  }));

Deno.test("damaged data leaves nothing; the error is that of the first damage in order", () =>
  withCorpus(async (job, folder) => {
    const bad = `${folder}/bad.jsonl`;
    const good = Array.from({ length: 300 }, (_, i) => JSON.stringify({ text: `document ${i}`.repeat(20) }));
    Deno.writeTextFileSync(bad, [...good, "{}", ...good, "[]"].join("\n"));
    for (const workers of [1, 3]) {
      const broken = { ...job, paths: [bad], prefix: `${folder}/out/x`, more: { workers } };
      await assertFails(() => tokenize(broken), `${bad}:301`, 'no key "text"');
      assert.deepEqual(namesIn(`${folder}/out`), []);
    }
  }));
