/**
 * codekiln as a library: the public names of every room, in the order of the data.
 * @module
 */

// Corpus: files, folders and archives → documents.
export { type Corpus, type CorpusBlocks, readBlocks, readCorpus, type ReadCorpusOptions } from "./src/corpus/read.ts";
export {
  type BlockParser,
  createBlockParser,
  type Gate,
  type ParsedBlock,
  type ParsedDocument,
  type ParseOptions,
} from "./src/corpus/parse.ts";
export { createDocumentFilter, type DocumentFilter, type DocumentFilterOptions } from "./src/corpus/document_filter.ts";
export { createContentHash, createDeduplicator, type Deduplicator } from "./src/corpus/deduplicate.ts";
export type { Block } from "./src/corpus/block.ts";
export type { CorpusReport } from "./src/corpus/report.ts";
export type { Document } from "./src/corpus/document.ts";

// Tokenizer: text ↔ ids.
export type { Tokenizer } from "./src/tokenizer/tokenizer.ts";
export { loadTokenizer, loadVocabMerges } from "./src/tokenizer/load.ts";
export { type BpeTraining, trainBpe, type TrainBpeOptions } from "./src/tokenizer/train.ts";
export { createStreamDecoder, type StreamDecoder } from "./src/tokenizer/stream_decoder.ts";

// Dataset: token files → batches.
export { type BuildOptions, buildTokenFile } from "./src/dataset/build.ts";
export { tokenizeCorpus, type Tokenized, type TokenizeOptions } from "./src/dataset/tokenize_corpus.ts";
export { type Inspection, inspectTokenFile } from "./src/dataset/inspect.ts";
export { type Dataset, type DatasetPart, openDataset } from "./src/dataset/dataset.ts";
export { type Batch, readBatch } from "./src/dataset/batch.ts";

// Programs, and the devices that run them.
export type { Op, OpKind } from "./src/program/op.ts";
export { createProgram, type Program } from "./src/program/program.ts";
export { activation, persistent, type Tensor } from "./src/program/tensor.ts";
export { opCost, programCost } from "./src/program/cost.ts";
export type { Device, Executable } from "./src/device/device.ts";
export { type CpuChoice, type DeviceChoice, openDevice } from "./src/device/open.ts";

// Models.
export type { GptConfig } from "./src/model/config.ts";
export { PRESET_NAMES, presetConfig } from "./src/model/presets.ts";
export { createModel, type ModelTensors } from "./src/model/training_programs.ts";

// Checkpoints, training, generation.
export { loadWeights, saveCheckpoint } from "./src/checkpoint/checkpoint.ts";
export { readConfigJson } from "./src/checkpoint/config_json.ts";
export { resolveCheckpoint } from "./src/checkpoint/find.ts";
export { type RunEvents, type RunOptions, train } from "./src/train/run.ts";
export { createTrainer, type Trainer, type TrainerOptions } from "./src/train/trainer.ts";
export { learningRate, type ScheduleOptions } from "./src/train/schedule.ts";
export { createGenerator, type Generator } from "./src/generate/generator.ts";
export type { SamplingSettings } from "./src/generate/settings.ts";
export { continueTexts, promptIds } from "./src/generate/texts.ts";

// Errors.
export { CodekilnError, DeviceError, FormatError, ShapeError, UserError } from "./src/errors.ts";
