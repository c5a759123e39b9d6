/** The forward pass: the hidden states after the last layer norm, with everything that the backward pass needs. */
import { activation, type Tensor } from "../program/tensor.ts";
import { type Build, dropoutAt, embed, layerNorm, linear, type Norm, residualLinear } from "./layers.ts";

/** What one layer leaves for the backward pass. */
export interface LayerActivations {
  norm1: Norm;
  qkv: Tensor; // (N, 3C)
  attention: Tensor; // (N, C)
  lse: Tensor; // (B, H, S)
  norm2: Norm;
  pre: Tensor; // (N, 4C), before GELU
}

export interface Forward {
  layers: LayerActivations[];
  finalNorm: Norm;
}

/** Appends the forward pass over `tokens` [B, S]. */
export function forward(build: Build, tokens: Tensor): Forward {
  const { config, batch, sequence, ops } = build;
  let x = embed(build, tokens);
  const layers: LayerActivations[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `h.${layer}`;
    const norm1 = layerNorm(build, `${name}.ln_1`, x);
    const qkv = linear(build, `${name}.attn.c_attn`, norm1.out);
    const attention = activation(`${name}.attn.out`, x.shape);
    const lse = activation(`${name}.attn.lse`, [batch, config.heads, sequence]);
    const dropout = dropoutAt(build, layer, "attention");
    ops.push({ kind: "attention", qkv, out: attention, lse, heads: config.heads, ...(dropout ? { dropout } : {}) });
    const middle = residualLinear(
      build,
      `${name}.attn.c_proj`,
      attention,
      x,
      dropoutAt(build, layer, "attentionOutput"),
    );
    const norm2 = layerNorm(build, `${name}.ln_2`, middle);
    const pre = activation(`${name}.mlp.pre`, [batch * sequence, 4 * config.hiddenSize]);
    const act = linear(build, `${name}.mlp.c_fc`, norm2.out, { activation: "gelu", pre });
    x = residualLinear(build, `${name}.mlp.c_proj`, act, middle, dropoutAt(build, layer, "mlpOutput"));
    layers.push({ norm1, qkv, attention, lse, norm2, pre });
  }
  return { layers, finalNorm: layerNorm(build, "ln_f", x) };
}
