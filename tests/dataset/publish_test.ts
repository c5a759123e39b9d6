/** The end of a run: between being whole and having their final names, files are found again after any interruption. */
import { createJournal, journalPath, readJournal } from "../../src/dataset/journal.ts";
import { hashesPath } from "../../src/dataset/noted_hashes.ts";
import { askedOf, findRun } from "../../src/dataset/run_state.ts";
import { openTokenFile } from "../../src/dataset/token_reader.ts";
import { partialName } from "../../src/files.ts";
import { assert, assertFails } from "../assert.ts";
import { inFolder, namesIn, writeDocuments } from "./files.ts";

const whole = ["x_ids.npy", "x_idx.npz", "x_meta.json"];

Deno.test("a run that was killed between any two renames is finished by --resume, over an older set as well", () =>
  inFolder(async (folder) => {
    const prefix = `${folder}/x`;
    const settings = { tokenizer: { fingerprint: "f" }, appendEos: true, split: null, options: {} };
    const asked = await askedOf({ paths: [], ...settings });
    // The renames come in this order, behind the removal of an older description and index.
    for (let renamed = 0; renamed <= 3; renamed++) {
      for (const older of [false, true]) {
        writeDocuments(prefix, [[1, 2], [3]]);
        const contents = whole.map((name) => Deno.readFileSync(`${folder}/${name}`));
        for (const name of whole.slice(renamed)) Deno.renameSync(`${folder}/${name}`, partialName(`${folder}/${name}`));
        if (older && renamed === 0) {
          for (const name of whole) Deno.writeTextFileSync(`${folder}/${name}`, "older");
        }
        {
          using journal = createJournal(prefix, asked, null);
          await journal.append({ kind: "finished", prefixes: [prefix], empty: [] });
        }
        // Hashes of documents go after the last rename.
        Deno.writeTextFileSync(partialName(hashesPath(prefix)), "hashes");
        if (renamed < 3 && !(older && renamed === 0)) await assertFails(() => openTokenFile(prefix), "not finished");
        await assertFails(
          () => Promise.resolve().then(() => findRun(prefix, [prefix], asked, { resumable: true })),
          "--resume",
          "--overwrite",
        );
        const found = findRun(prefix, [prefix], asked, { resume: true, resumable: true });
        assert.equal(found.kind, "finished");
        assert.deepEqual(namesIn(folder), whole);
        assert.deepEqual(whole.map((name) => Deno.readFileSync(`${folder}/${name}`)), contents);
      }
    }
  }));

Deno.test("the journal gives back what was appended, and nothing of a record that is not whole", () =>
  inFolder(async (folder) => {
    const prefix = `${folder}/x`;
    assert.equal(readJournal(prefix), null);
    const checkpoint = (file: number) => ({
      kind: "checkpoint" as const,
      cursor: { file, path: "é\n", stream: 0, offset: 5, line: 2, plain: true, files: "ab" },
      reading: { documents: 1, languages: {} },
      gate: {},
      files: [{ state: { documents: 1, tokens: 2, textBytes: 3, lensCrc: 4 }, fingerprint: "cd", languages: {} }],
      hashes: 0,
    });
    {
      using journal = createJournal(prefix, { "--x": "1" }, checkpoint(0));
      await journal.append(checkpoint(1));
    }
    const content = readJournal(prefix);
    assert.deepEqual(content, { asked: { "--x": "1" }, checkpoints: [checkpoint(0), checkpoint(1)], finished: null });
    const bytes = Deno.readFileSync(journalPath(prefix));
    Deno.writeFileSync(journalPath(prefix), bytes.subarray(0, bytes.length - 1));
    assert.deepEqual(readJournal(prefix)?.checkpoints, [checkpoint(0)]);
    const flipped = bytes.slice();
    flipped[bytes.length - 20] ^= 4;
    Deno.writeFileSync(journalPath(prefix), flipped);
    assert.deepEqual(readJournal(prefix)?.checkpoints, [checkpoint(0)]);
  }));
