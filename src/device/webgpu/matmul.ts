/**
 * Matmul on WebGPU: cuts the op into parts that can be bound, chooses a kernel for each, and expands its template. Leading
 * dimensions that are multiples of 4 are read as vec4f; an operand whose is not (a vocabulary of 50257) is read by scalars.
 */
import type { Matmul } from "../../program/op.ts";
import type { Tensor } from "../../program/tensor.ts";
import type { AdapterTraits, Binding, Dispatch, Kernel } from "./kernel.ts";
import { type MatmulPart, matmulParts } from "./matmul_ranges.ts";
import { chooseVariant, type MatmulShape, type Registers, type Thin, TILE_K, type Tiles } from "./matmul_variant.ts";
import { grid } from "./partition.ts";
import { expandTemplate, type TemplateValues } from "./template.ts";
import epilogue from "../../../kernels/webgpu/matmul_epilogue.wgsl" with { type: "text" };
import load from "../../../kernels/webgpu/matmul_load.wgsl" with { type: "text" };
import registers from "../../../kernels/webgpu/matmul_registers.wgsl" with { type: "text" };
import slices from "../../../kernels/webgpu/matmul_slices.wgsl" with { type: "text" };
import thin from "../../../kernels/webgpu/matmul_thin.wgsl" with { type: "text" };
import tiles from "../../../kernels/webgpu/matmul_tiles.wgsl" with { type: "text" };

/** A binding with its name in WGSL, and whether it is an array of vec4f. */
interface NamedBinding {
  readonly name: string;
  readonly binding: Binding;
  readonly aligned: boolean;
}

/** A part of an op: its shape, what it binds, and the values that its templates need. */
interface Stage {
  readonly shape: MatmulShape;
  readonly inputs: readonly NamedBinding[];
  readonly outputs: readonly NamedBinding[];
  readonly values: TemplateValues;
  readonly outAligned: boolean;
}

const NO_EPILOGUE = { BIAS: false, PRE: false, GELU: false, RESIDUAL: false };

function shapeOf(op: Matmul): MatmulShape {
  const [m, n] = op.out.shape;
  return { m, n, k: op.transA ? op.a.shape[0] : op.a.shape[1], transA: op.transA, transB: op.transB };
}

function partShape(op: Matmul, part: MatmulPart): MatmulShape {
  return { m: part.m.count, n: part.n.count, k: part.k.count, transA: op.transA, transB: op.transB };
}

/** Sums that ranges of k leave for the next cannot wait in `out` where its old value is still needed. */
function carriesInScratch(op: Matmul, part: MatmulPart): boolean {
  return !(part.first && part.last) && op.accumulate && (op.activation !== undefined || op.pre !== undefined);
}

function slicesOf(op: Matmul, part: MatmulPart, adapter: AdapterTraits): number {
  const variant = chooseVariant(partShape(op, part), adapter);
  return variant.kind === "tiles" && part.first && part.last ? variant.slices : 1;
}

function describeStage(op: Matmul, part: MatmulPart): Stage {
  const { m, n, k } = shapeOf(op);
  const [rangeA, lengthA, firstA] = op.transA ? [part.k, m, part.m.first] : [part.m, k, part.k.first];
  const [rangeB, lengthB, firstB] = op.transB ? [part.n, k, part.k.first] : [part.k, n, part.n.first];
  const alignedA = lengthA % 4 === 0;
  const alignedB = lengthB % 4 === 0;
  const outAligned = n % 4 === 0;
  const rows = (
    name: string,
    of: Tensor | "scratch",
    first: number,
    count: number,
    length: number,
    aligned: boolean,
  ) => ({
    name,
    binding: { of, offset: first * length, elements: count * length },
    aligned,
  });
  const like = (name: string, of: Tensor | "scratch") => rows(name, of, part.m.first, part.m.count, n, outAligned);
  const scratch = carriesInScratch(op, part);
  const outputs = [like("out", scratch && !part.last ? "scratch" : op.out)];
  if (part.last) {
    if (op.bias) outputs.push(rows("bias", op.bias, 0, 1, n, outAligned));
    if (op.pre) outputs.push(like("pre", op.pre));
    if (op.residual) outputs.push(like("residual", op.residual));
    if (scratch) outputs.push(like("carry", "scratch"));
  }
  const carried = part.last && !part.first && (scratch || !op.accumulate);
  return {
    shape: partShape(op, part),
    inputs: [
      rows("a", op.a, rangeA.first, rangeA.count, lengthA, alignedA),
      rows("b", op.b, rangeB.first, rangeB.count, lengthB, alignedB),
    ],
    outputs,
    outAligned,
    values: {
      M: part.m.count,
      N: part.n.count,
      K: part.k.count,
      TRANS_A: op.transA,
      TRANS_B: op.transB,
      A_ALIGNED: alignedA,
      A_STRIDE: lengthA,
      A_FIRST: firstA,
      B_ALIGNED: alignedB,
      B_STRIDE: lengthB,
      B_FIRST: firstB,
      OUT_ALIGNED: outAligned,
      OUT: outAligned ? "vec4f" : "f32",
      OUT_STRIDE: n,
      OUT_FIRST: part.n.first,
      SLICED: false,
      CARRIED: carried,
      CARRY: scratch ? "carry[at]" : "out[at]",
      ...(part.last
        ? { BIAS: !!op.bias, PRE: !!op.pre, GELU: op.activation === "gelu", RESIDUAL: !!op.residual }
        : NO_EPILOGUE),
      ACCUMULATE: part.last ? op.accumulate : !part.first || (op.accumulate && !scratch),
    },
  };
}

function dispatch(
  label: string,
  templates: readonly string[],
  values: TemplateValues,
  bound: readonly NamedBinding[],
  workgroups: Dispatch["workgroups"],
): Dispatch {
  const declarations = bound.map(({ name, aligned }, index) =>
    `@group(0) @binding(${index}) var<storage, read_write> ${name}: array<${aligned ? "vec4f" : "f32"}>;`
  );
  return {
    label,
    source: [declarations.join("\n"), ...templates.map((template) => expandTemplate(template, values))].join("\n\n"),
    bindings: bound.map(({ binding }) => binding),
    workgroups,
  };
}

function registersDispatch({ shape, inputs, outputs, values }: Stage, variant: Registers): Dispatch {
  const { rows, group, lanes, subgroups } = variant;
  const spread = subgroups ? lanes : 1;
  const groupsM = Math.ceil(shape.m / rows);
  const groupsN = Math.ceil(shape.n / (4 * lanes));
  const left = values.PRE ? "pre" : values.ACCUMULATE || values.CARRIED ? "" : "out";
  const epilogues = values.PRE || values.GELU || values.RESIDUAL;
  return dispatch(
    "matmul.registers",
    [epilogue, load, registers],
    {
      ...values,
      ROWS: rows,
      GROUP: group,
      LANES: lanes,
      SUBGROUPS: subgroups,
      DEFERRED: !!epilogues && left !== "",
      LEFT: left,
      AXIS_M: shape.transB ? "y" : "x",
      AXIS_N: shape.transB ? "x" : "y",
      SPREAD: spread,
      LANE: subgroups ? "lane" : "0u",
      SHARE: subgroups ? "subgroupBroadcast" : "own",
      GATHERS: Math.ceil(rows / spread / (shape.transA ? 4 : 1)),
    },
    [...inputs, ...outputs],
    shape.transB ? [groupsN, groupsM, 1] : [groupsM, groupsN, 1],
  );
}

function thinDispatch({ shape, inputs, outputs, values }: Stage, variant: Thin, adapter: AdapterTraits): Dispatch {
  const { threads, columns } = variant;
  return dispatch(
    "matmul.thin",
    [epilogue, load, thin],
    {
      ...values,
      ROWS: shape.m,
      THREADS: threads,
      COLUMNS: columns,
      SLICES: threads / columns,
      LOG_COLUMNS: Math.log2(columns),
      LOG_SLICES: Math.log2(threads / columns),
      GUARD_K: shape.k % 4 !== 0,
    },
    [...inputs, ...outputs],
    grid(Math.ceil(shape.n / (4 * columns)), adapter),
  );
}

function tilesDispatches(stage: Stage, { tileM, tileN }: Tiles, count: number, adapter: AdapterTraits): Dispatch[] {
  const { shape: { m, n, k, transA, transB }, inputs, outputs, outAligned } = stage;
  const sliced = count > 1;
  const slice = Math.ceil(k / count / TILE_K) * TILE_K;
  const used = Math.ceil(k / slice);
  const scratch: NamedBinding = {
    name: "slices",
    binding: { of: "scratch", offset: 0, elements: used * m * n },
    aligned: outAligned,
  };
  const threads = tileM * tileN / 64;
  const linesA = threads / (transA ? tileM / 4 : 4);
  const linesB = threads / (transB ? 4 : tileN / 4);
  const values: TemplateValues = {
    ...stage.values,
    TILE_M: tileM,
    TILE_N: tileN,
    THREADS: threads,
    SLICE: slice,
    GUARD_K: k % TILE_K !== 0,
    LOG_X: Math.log2(tileN / 8),
    LOG_M: Math.log2(tileM / 4),
    LOG_N: Math.log2(tileN / 4),
    LINES_A: linesA,
    LINES_B: linesB,
    LOADS_A: (transA ? TILE_K : tileM) / linesA,
    LOADS_B: (transB ? tileN : TILE_K) / linesB,
    BLOCKS_A: threads / (transA ? 4 : 16),
    BLOCKS_B: threads / (transB ? 16 : 4),
  };
  const workgroups: [number, number, number] = [Math.ceil(n / tileN), Math.ceil(m / tileM), used];
  if (!sliced) return [dispatch("matmul.tiles", [epilogue, load, tiles], values, [...inputs, ...outputs], workgroups)];
  const quads = Math.ceil(n / 4);
  return [
    dispatch(
      "matmul.slices",
      [epilogue, load, tiles],
      { ...values, ...NO_EPILOGUE, SLICED: true, OUT_STRIDE: n, OUT_FIRST: 0 },
      [...inputs, scratch],
      workgroups,
    ),
    dispatch(
      "matmul.sum",
      [epilogue, slices],
      { ...stage.values, SLICES: used, QUADS: quads },
      [scratch, ...outputs],
      grid(Math.ceil(m * quads / 64), adapter),
    ),
  ];
}

function partDispatches(op: Matmul, part: MatmulPart, adapter: AdapterTraits): Dispatch[] {
  const stage = describeStage(op, part);
  const variant = chooseVariant(stage.shape, adapter);
  switch (variant.kind) {
    case "registers":
      return [registersDispatch(stage, variant)];
    case "thin":
      return [thinDispatch(stage, variant, adapter)];
    case "tiles":
      return tilesDispatches(stage, variant, slicesOf(op, part, adapter), adapter);
    default:
      return variant satisfies never;
  }
}

export const matmul: Kernel<"matmul"> = {
  scratch(op, adapter) {
    const sizes = matmulParts(shapeOf(op), adapter).map((part) => {
      if (carriesInScratch(op, part)) return shapeOf(op).m * shapeOf(op).n;
      const count = slicesOf(op, part, adapter);
      return count > 1 ? count * part.m.count * part.n.count : 0;
    });
    return Math.max(...sizes);
  },
  dispatches: (op, adapter) => matmulParts(shapeOf(op), adapter).flatMap((part) => partDispatches(op, part, adapter)),
};
