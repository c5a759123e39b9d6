/** Names that `--model_type` accepts: the family, or a preset, which belongs to it. */

import { PRESET_NAMES } from "../model/presets.ts";

export { PRESET_NAMES as presetNames };

export const modelTypes: readonly string[] = ["gpt", "gpt2", ...PRESET_NAMES];
