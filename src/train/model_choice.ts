/** Which model a run trains: a preset, a checkpoint, or sizes by option, fitted to the vocabulary of the data. */
import { UserError } from "../errors.ts";
import { readConfigJson } from "../checkpoint/config_json.ts";
import { checkConfig, type GptConfig } from "../model/config.ts";
import { DEFAULT_CONFIG, PRESET_NAMES, presetConfig } from "../model/presets.ts";

/** The options that describe a model; null where not given. */
export interface ModelOptions {
  /** A preset's name or a checkpoint directory. */
  modelNameOrPath: string | null;
  layers: number | null;
  hiddenSize: number | null;
  heads: number | null;
  vocabSize: number | null;
  maxSeqLen: number;
  hiddenDropout: number;
  attentionDropout: number;
}

/** What the data say of their vocabulary; null where they say nothing. */
export interface DataVocabulary {
  vocabSize: number | null;
  eosId: number | null;
}

export interface ModelChoice {
  config: GptConfig;
  /** The checkpoint directory that the weights come from; null for random weights. */
  checkpoint: string | null;
}

/**
 * Settles the model's shape.
 * @throws {UserError} where options contradict each other, the checkpoint or the data.
 */
export function chooseModel(options: ModelOptions, data: DataVocabulary): ModelChoice {
  const { modelNameOrPath } = options;
  const preset = modelNameOrPath === null ? null : presetConfig(modelNameOrPath);
  if (modelNameOrPath !== null && !preset) return fromCheckpoint(modelNameOrPath, options, data);
  const sizes = {
    layers: options.layers ?? preset?.layers,
    hiddenSize: options.hiddenSize ?? preset?.hiddenSize,
    heads: options.heads ?? preset?.heads,
  };
  const { layers, hiddenSize, heads } = sizes;
  if (layers === undefined || hiddenSize === undefined || heads === undefined) {
    const missing = Object.entries(sizes).find(([, size]) => size === undefined)?.[0];
    const option = { layers: "--num_layers", hiddenSize: "--hidden_size", heads: "--num_heads" }[missing ?? "layers"];
    throw new UserError("is missing", {
      where: option,
      expected: "a preset with --model_name_or_path, or all of --num_layers, --hidden_size and --num_heads",
      hint: `presets: ${PRESET_NAMES.join(", ")}`,
    });
  }
  const vocabSize = options.vocabSize ?? preset?.vocabSize ?? data.vocabSize;
  if (vocabSize === null || vocabSize === undefined) {
    throw new UserError("is missing, and the data do not say it", { where: "--vocab_size" });
  }
  checkVocabulary(vocabSize, data, options.vocabSize === null ? "the model's vocabulary" : "--vocab_size");
  const maxPositions = preset ? Math.max(DEFAULT_CONFIG.maxPositions, options.maxSeqLen) : options.maxSeqLen;
  const config = checkConfig({
    ...DEFAULT_CONFIG,
    vocabSize,
    maxPositions,
    layers,
    hiddenSize,
    heads,
    hiddenDropout: options.hiddenDropout,
    attentionDropout: options.attentionDropout,
    eosId: data.eosId ?? preset?.eosId ?? vocabSize - 1,
  });
  return { config, checkpoint: null };
}

function fromCheckpoint(directory: string, options: ModelOptions, data: DataVocabulary): ModelChoice {
  let stat: Deno.FileInfo;
  try {
    stat = Deno.statSync(directory);
  } catch (cause) {
    throw new UserError(`${directory} is neither a preset nor a folder`, {
      where: "--model_name_or_path",
      expected: `a checkpoint folder or one of ${PRESET_NAMES.join(", ")}`,
      cause,
    });
  }
  if (!stat.isDirectory) throw new UserError(`${directory} is not a folder`, { where: "--model_name_or_path" });
  const saved = readConfigJson(`${directory}/config.json`);
  const given: [string, number | null, number][] = [
    ["--num_layers", options.layers, saved.layers],
    ["--hidden_size", options.hiddenSize, saved.hiddenSize],
    ["--num_heads", options.heads, saved.heads],
    ["--vocab_size", options.vocabSize, saved.vocabSize],
  ];
  for (const [where, wanted, actual] of given) {
    if (wanted !== null && wanted !== actual) {
      throw new UserError(`is ${wanted}, but the checkpoint in ${directory} has ${actual}`, { where });
    }
  }
  if (options.maxSeqLen > saved.maxPositions) {
    throw new UserError(`is ${options.maxSeqLen}`, {
      where: "--max_seq_len",
      expected: `at most the ${saved.maxPositions} positions of the checkpoint in ${directory}`,
    });
  }
  checkVocabulary(saved.vocabSize, data, `the vocabulary of ${directory}`);
  const { hiddenDropout, attentionDropout } = options;
  const config = checkConfig({ ...saved, hiddenDropout, attentionDropout, eosId: data.eosId ?? saved.eosId });
  return { config, checkpoint: directory };
}

function checkVocabulary(vocabSize: number, data: DataVocabulary, where: string): void {
  if (data.vocabSize !== null && data.vocabSize > vocabSize) {
    throw new UserError(`${vocabSize} is too small for the data`, {
      where,
      expected: `at least ${data.vocabSize}, the vocabulary that the data were tokenized with`,
    });
  }
}
