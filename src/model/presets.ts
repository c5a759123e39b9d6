/** The named model sizes. Sizes of GPT-2 (Radford et al. 2019), GPT-3 (Brown et al. 2020) and CPM (Zhang et al. 2020). */
import type { GptConfig } from "./config.ts";

const SIZES: readonly [name: string, vocab: number, layers: number, width: number, heads: number][] = [
  ["gpt2-small-en", 50304, 4, 1024, 4],
  ["gpt2-en", 50257, 12, 768, 12],
  ["gpt2-medium-en", 50304, 24, 1024, 16],
  ["gpt2-large-en", 50257, 36, 1280, 20],
  ["gpt2-xl-en", 50257, 48, 1600, 25],
  ["gpt3-1.3B-en", 50304, 24, 2048, 16],
  ["gpt3-13B-en", 50304, 40, 5120, 128],
  ["gpt-cpm-small-cn-distill", 30000, 12, 768, 12],
  ["gpt-cpm-large-cn", 30000, 32, 2560, 32],
];

/** Every preset's name, smallest family first. */
export const PRESET_NAMES: readonly string[] = SIZES.map(([name]) => name);

/** What presets and custom sizes share unless options say otherwise. */
export const DEFAULT_CONFIG = {
  maxPositions: 1024,
  layerNormEpsilon: 1e-5,
  initializerRange: 0.02,
  hiddenDropout: 0.1,
  attentionDropout: 0.1,
} as const;

/** The config of a preset, or null where the name is none. The end-of-text id is GPT-2's 50256, or the last id. */
export function presetConfig(name: string): GptConfig | null {
  const size = SIZES.find(([preset]) => preset === name);
  if (!size) return null;
  const [, vocabSize, layers, hiddenSize, heads] = size;
  const eosId = vocabSize > 50256 ? 50256 : vocabSize - 1;
  return { ...DEFAULT_CONFIG, vocabSize, layers, hiddenSize, heads, eosId };
}
