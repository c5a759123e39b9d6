/** Finds tokenizers: a checkpoint's own, and the one that a dataset was made with. */

import { UserError } from "../errors.ts";
import type { Dataset } from "../dataset/dataset.ts";
import { loadTokenizer, loadVocabMerges } from "../tokenizer/load.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** Files that make a folder a tokenizer. */
const TOKENIZER_FILES = /^(tokenizer\.json|vocab\.json|.*\.model)$/;

function holdsTokenizer(folder: string): boolean {
  return [...Deno.readDirSync(folder)].some(({ name }) => TOKENIZER_FILES.test(name));
}

/** The tokenizer in a checkpoint; null where it has none. */
export async function findCheckpointTokenizer(checkpoint: string): Promise<Tokenizer | null> {
  return holdsTokenizer(checkpoint) ? await loadTokenizer(checkpoint) : null;
}

export interface TokenizerSources {
  vocabFile: string | null;
  mergeFile: string | null;
  /** A checkpoint that training goes on from, or null. */
  checkpoint: string | null;
}

/**
 * The tokenizer of a dataset, to be saved with the model: from the options, from where the data's description says, or from the
 * checkpoint. Null, with a note, where none is found.
 * @throws {UserError} where the options name another tokenizer than the data were made with.
 */
export async function findDataTokenizer(
  dataset: Pick<Dataset, "tokenizer" | "prefixes">,
  sources: TokenizerSources,
  note: (line: string) => void,
): Promise<Tokenizer | null> {
  const wanted = dataset.tokenizer?.fingerprint;
  if (sources.vocabFile !== null && sources.mergeFile !== null) {
    const tokenizer = await loadVocabMerges(sources.vocabFile, sources.mergeFile);
    if (wanted !== undefined && tokenizer.fingerprint !== wanted) {
      throw new UserError(`is not the tokenizer that the data were made with, ${dataset.tokenizer?.name}`, {
        where: `--vocab_file ${sources.vocabFile}`,
      });
    }
    return tokenizer;
  }
  const candidates = [dataset.tokenizer?.name, sources.checkpoint].filter((name) => typeof name === "string");
  for (const name of candidates) {
    const tokenizer = await tryLoad(name);
    if (tokenizer && (wanted === undefined || tokenizer.fingerprint === wanted)) return tokenizer;
  }
  const name = dataset.tokenizer ? `the tokenizer ${dataset.tokenizer.name} of the data` : "a tokenizer for the data";
  note(
    `note: ${name} is not there, so checkpoints are saved without one and there are no bits per byte; ` +
      "--vocab_file and --merge_file name it",
  );
  return null;
}

async function tryLoad(name: string): Promise<Tokenizer | null> {
  try {
    return await loadTokenizer(name);
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}
