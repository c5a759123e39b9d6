/** The shape rules of every op. An op whose operands do not fit is refused when the Program is built, never at run time. */
import { ShapeError } from "../errors.ts";
import { type Op, operands, type OpKind, type OpOf, writtenOperands } from "./op.ts";
import { ALIGNMENT, describe, elementCount, overlaps, type Tensor } from "./tensor.ts";

type Check = (condition: boolean, rule: string) => void;

function same(a: Tensor, b: Tensor): boolean {
  return a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis]);
}

function is(tensor: Tensor, ...shape: number[]): boolean {
  return tensor.shape.length === shape.length && shape.every((size, axis) => size === tensor.shape[axis]);
}

const MATRIX = "a matrix [rows, columns]";

const RULES: { readonly [K in OpKind]: (op: OpOf<K>, check: Check) => void } = {
  embedding({ tokens, start, wte, wpe, out }, check) {
    check(tokens.shape.length === 2 && wte.shape.length === 2, "tokens [B, S] and wte [V, C]");
    const [batch, sequence] = tokens.shape;
    check(is(out, batch * sequence, wte.shape[1]), "out [B·S, C]");
    check(wpe.shape.length === 2 && wpe.shape[1] === wte.shape[1], "wpe [P, C]");
    check(start ? is(start, batch) : sequence <= wpe.shape[0], "start [B], or S no larger than P");
  },
  embeddingBackward({ tokens, order, starts, dout, dwte, dwpe }, check) {
    check(tokens.shape.length === 2 && dwte.shape.length === 2, "tokens [B, S] and dwte [V, C]");
    const count = elementCount(tokens.shape);
    check(is(dout, count, dwte.shape[1]), "dout [B·S, C]");
    check(is(order, count) && is(starts, count + 1), "order [B·S] and starts [B·S + 1]");
    check(
      dwpe.shape.length === 2 && dwpe.shape[1] === dwte.shape[1] && tokens.shape[1] <= dwpe.shape[0],
      "dwpe [P, C] with P at least S",
    );
  },
  layerNorm({ x, weight, bias, out, mean, rstd }, check) {
    check(x.shape.length === 2 && same(x, out), "x and out [N, C]");
    check(is(weight, x.shape[1]) && is(bias, x.shape[1]), "weight and bias [C]");
    check(is(mean, x.shape[0]) && is(rstd, x.shape[0]), "mean and rstd [N]");
  },
  layerNormBackward({ x, weight, mean, rstd, dout, dx, dweight, dbias }, check) {
    check(x.shape.length === 2 && same(x, dout) && same(x, dx), "x, dout and dx [N, C]");
    check(is(weight, x.shape[1]) && is(dweight, x.shape[1]) && is(dbias, x.shape[1]), "weight, dweight, dbias [C]");
    check(is(mean, x.shape[0]) && is(rstd, x.shape[0]), "mean and rstd [N]");
  },
  matmul({ a, b, out, transA, transB, bias, pre, residual, activation }, check) {
    check(a.shape.length === 2 && b.shape.length === 2 && out.shape.length === 2, MATRIX);
    const [m, k] = transA ? [a.shape[1], a.shape[0]] : a.shape;
    const [inner, n] = transB ? [b.shape[1], b.shape[0]] : b.shape;
    check(k === inner, `equal inner sizes, not ${k} and ${inner}`);
    check(is(out, m, n), `out [${m}, ${n}]`);
    check(!bias || is(bias, n), `bias [${n}]`);
    check(!pre || (is(pre, m, n) && activation === "gelu"), `pre [${m}, ${n}], with gelu`);
    check(!residual || is(residual, m, n), `residual [${m}, ${n}]`);
    check(!(transA && transB), "at most one of transA and transB");
  },
  columnSum({ x, out }, check) {
    check(x.shape.length === 2 && is(out, x.shape[1]), "x [N, C] and out [C]");
  },
  gelu({ x, out }, check) {
    check(same(x, out), "x and out of one shape");
  },
  geluBackward({ x, gradient }, check) {
    check(same(x, gradient), "x and gradient of one shape");
  },
  dropout({ x, residual, out }, check) {
    check(same(x, out) && (!residual || same(x, residual)), "x, residual and out of one shape");
  },
  attention({ qkv, out, lse, heads }, check) {
    checkAttention(qkv, out, lse, heads, check);
  },
  attentionBackward({ qkv, out, dout, lse, dqkv, heads }, check) {
    checkAttention(qkv, out, lse, heads, check);
    check(same(out, dout) && same(qkv, dqkv), "dout like out and dqkv like qkv");
  },
  crossEntropy({ logits, targets, losses }, check) {
    check(logits.shape.length === 2, "logits [N, V]");
    check(is(targets, logits.shape[0]) && is(losses, logits.shape[0]), "targets and losses [N]");
  },
  sum({ out }, check) {
    check(is(out, 1), "out [1]");
  },
  globalNorm({ out }, check) {
    check(is(out, 2), "out [2]");
  },
  adamW({ parameters, gradients, moment1, moment2, norm, hyper }, check) {
    check(
      same(parameters, gradients) && same(parameters, moment1) && same(parameters, moment2),
      "parameters, gradients and moments of one shape",
    );
    check(is(norm, 2) && is(hyper, 3), "norm [2] and hyper [3]");
  },
  cacheAppend({ qkv, start, keys, values }, check) {
    checkCache(qkv, start, keys, values, check);
  },
  cachedAttention({ qkv, start, keys, values, out }, check) {
    checkCache(qkv, start, keys, values, check);
    check(is(out, qkv.shape[0], qkv.shape[1] / 3), "out [B·S, C]");
  },
  sample(op, check) {
    const [batch] = op.logits.shape;
    check(op.logits.shape.length === 2 && same(op.logits, op.seen), "logits and seen [B, V]");
    check(is(op.settings, 8) && is(op.seed, 2), "settings [8] and seed [2]");
    const perSequence = [op.sequence, op.tokens, op.positions, op.count, op.finished, op.score];
    check(perSequence.every((tensor) => elementCount(tensor.shape) === batch), "the state of a sequence [B]");
    check(op.generated.shape.length === 2 && op.generated.shape[0] === batch, "generated [B, G]");
  },
};

function checkAttention(qkv: Tensor, out: Tensor, lse: Tensor, heads: number, check: Check): void {
  check(out.shape.length === 2 && is(qkv, out.shape[0], 3 * out.shape[1]), "qkv [N, 3C] and out [N, C]");
  check(out.shape[1] % heads === 0, `a width that ${heads} heads divide`);
  check(lse.shape.length === 3 && lse.shape[1] === heads, "lse [B, H, S]");
  check(lse.shape[0] * lse.shape[2] === out.shape[0], "B·S rows");
}

function checkCache(qkv: Tensor, start: Tensor, keys: Tensor, values: Tensor, check: Check): void {
  check(keys.shape.length === 4 && same(keys, values), "keys and values [B, H, P, D]");
  const [batch, heads, , headSize] = keys.shape;
  check(qkv.shape.length === 2 && qkv.shape[1] === 3 * heads * headSize, "qkv [B·S, 3·H·D]");
  check(is(start, batch) && qkv.shape[0] % batch === 0, "start [B] and B·S rows");
}

const INTEGER_OPERANDS = new Set(
  ["tokens", "start", "order", "starts", "targets", "seed", "sequence", "seen", "positions", "count", "finished"]
    .concat(
      "generated",
    ),
);

/**
 * Checks one op: shapes, element types, alignment, and that nothing written overlaps another operand.
 * @throws {ShapeError} naming the op, the rule, and every operand with its shape.
 */
export function checkOp(op: Op): void {
  const named = operands(op);
  const check: Check = (condition, rule) => {
    if (condition) return;
    const list = named.map(([name, tensor]) => `${name} = ${describe(tensor)}`).join("; ");
    throw new ShapeError(`${op.kind} does not fit: ${list}`, { expected: rule });
  };
  for (const [name, tensor] of named) {
    const expected = INTEGER_OPERANDS.has(name) ? "u32" : "f32";
    check(tensor.dtype === expected, `${name} of type ${expected}`);
    check(tensor.offset % ALIGNMENT === 0, `${name} aligned to ${ALIGNMENT} elements`);
    check(tensor.offset + elementCount(tensor.shape) <= tensor.storage.elements, `${name} inside its storage`);
  }
  (RULES[op.kind] as (op: Op, check: Check) => void)(op, check);
  const written = writtenOperands(op);
  for (const [name, tensor] of named) {
    for (const [writtenName, target] of written) {
      check(name === writtenName || !overlaps(tensor, target), `${name} apart from ${writtenName}, which is written`);
    }
  }
}
