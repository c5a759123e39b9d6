/**
 * A Program is a flat list of ops over named tensors: what a builder writes once and a device runs many times.
 * It is plain data. Ops run in order; whatever changes from run to run is data in a persistent tensor.
 */
import { type Op, operands } from "./op.ts";
import { checkOp } from "./shapes.ts";
import type { Storage } from "./tensor.ts";

export interface Program {
  readonly name: string;
  readonly ops: readonly Op[];
}

/**
 * Checks every op and freezes the list.
 * @throws {ShapeError} at the first op that does not fit.
 */
export function createProgram(name: string, ops: readonly Op[]): Program {
  for (const op of ops) checkOp(op);
  return { name, ops: Object.freeze([...ops]) };
}

/** The persistent storages that Programs use, each once, in order of first use. */
export function persistentStorages(programs: readonly Program[]): Storage[] {
  const found = new Set<Storage>();
  for (const { ops } of programs) {
    for (const op of ops) {
      for (const [, tensor] of operands(op)) {
        if (tensor.storage.lifetime === "persistent") found.add(tensor.storage);
      }
    }
  }
  return [...found];
}
