/** Prints what `bench` measures as it comes: tables for people, or JSON lines, each with a `kind`. */

import type { Beside } from "../bench/beside.ts";
import { type OpResult, sharesByKind } from "../bench/ops.ts";
import type { Roofline } from "../bench/roofline.ts";
import { formatBytes, formatCount } from "./progress.ts";

/** What an op belongs to. */
type Part = "gemm" | "step" | "decode";

/** A whole training step, or the decoding of a token. */
export interface Total {
  readonly ms: number;
  /** Tokens that it works on. */
  readonly tokens: number;
  readonly rooflineShare: number;
  readonly gflops?: number;
  readonly parameters?: number;
  /** The plan's memory on the device. */
  readonly persistentBytes?: number;
  readonly activationBytes?: number;
  /** Decoding: bytes of the weights / time. */
  readonly weightGigabytesPerSecond?: number;
}

export interface BenchReport {
  device(name: string, roofline: Roofline): Promise<void>;
  /** Begins a part. @param alone whether its ops are timed outside of it */
  section(title: string, alone?: boolean): Promise<void>;
  op(result: OpResult, part: Part): Promise<void>;
  total(part: "step" | "decode", total: Total): Promise<void>;
  beside(round: Beside): Promise<void>;
  besideSummary(summary: Beside & { readonly ratio: number }): Promise<void>;
}

type Write = (text: string) => Promise<void>;

/** Chooses how to print. */
export function createBenchReport(write: Write, json: boolean): BenchReport {
  return json ? jsonReport(write) : tableReport(write);
}

function jsonReport(write: Write): BenchReport {
  const line = (value: Record<string, unknown>) => write(`${JSON.stringify(value)}\n`);
  return {
    device: (name, roofline) => line({ kind: "device", name, roofline }),
    section: () => Promise.resolve(),
    op: (result, part) => line({ kind: "op", part, ...result }),
    total: (part, total) => line({ kind: "total", part, ...total, tokensPerSecond: total.tokens / total.ms * 1e3 }),
    beside: (round) => line({ kind: "beside", ...round }),
    besideSummary: (summary) => line({ kind: "besideSummary", ...summary }),
  };
}

const WIDTHS = [30, 22, 6, 10, 9, 8, 10] as const;

function columns(cells: readonly string[]): string {
  return cells.map((cell, i) => i < 2 ? cell.padEnd(WIDTHS[i]) : cell.padStart(WIDTHS[i])).join("").trimEnd() + "\n";
}

const percent = (share: number) => `${Math.round(share * 100)}%`;

/** Three digits, without an exponent. */
const digits = (value: number) => value >= 1000 ? value.toFixed(0) : value.toPrecision(3);

function tableReport(write: Write): BenchReport {
  let results: OpResult[] = [];
  let alone = false;
  return {
    device: (name, { gflops, gigabytesPerSecond }) =>
      write(
        `${name}\nroofline: ${gflops.toPrecision(3)} GFLOPS in matrix products, ` +
          `${gigabytesPerSecond.toPrecision(3)} GB/s from memory\n`,
      ),
    section(title, opsAlone = false) {
      results = [];
      alone = opsAlone;
      return write(`\n${title}\n`);
    },
    async op(result, part) {
      if (results.length === 0) {
        const heading = `op${alone ? ", each alone" : part === "gemm" ? "" : `, within the ${part}`}`;
        await write(columns([heading, "shape", "count", "ms", "GFLOPS", "GB/s", "roofline"]));
      }
      results.push(result);
      const { name, shape, count, ms, gflops, gigabytesPerSecond, rooflineShare, cached } = result;
      const rates = [digits(gflops), digits(gigabytesPerSecond), cached ? "cache" : percent(rooflineShare)];
      await write(columns([name, shape, String(count), digits(ms), ...rates]));
    },
    total: (part, total) => write(totalLines(part, total, results)),
    beside: ({ oursMs, theirsMs }) => write(`ours ${digits(oursMs)} ms, theirs ${digits(theirsMs)} ms\n`),
    besideSummary: ({ oursMs, theirsMs, ratio }) =>
      write(
        `median: ours ${digits(oursMs)} ms, theirs ${digits(theirsMs)} ms: ` +
          `${ratio.toPrecision(3)} times as fast as theirs\n`,
      ),
  };
}

function totalLines(part: "step" | "decode", total: Total, results: readonly OpResult[]): string {
  const { ms, tokens, rooflineShare } = total;
  const shares = sharesByKind(results).filter(({ share }) => share >= 0.005);
  const speed = `${digits(ms)} ms a ${part === "step" ? "step" : "token"}, ${
    formatCount(Math.round(tokens / ms * 1e3))
  } tokens/s`;
  const parts = [speed];
  if (total.gflops !== undefined) parts.push(`${digits(total.gflops)} GFLOPS`);
  if (total.weightGigabytesPerSecond !== undefined) {
    parts.push(`${digits(total.weightGigabytesPerSecond)} GB/s of weights`);
  }
  parts.push(`${percent(rooflineShare)} of the roofline`);
  const lines = [`total: ${parts.join(", ")}`];
  if (results.some(({ cached }) => cached)) {
    lines.push("cache: faster than memory gives its operands, which stay in the processor's caches");
  }
  if (shares.length > 0) {
    lines.push(`where the time goes: ${shares.map(({ kind, share }) => `${kind} ${percent(share)}`).join(", ")}`);
  }
  if (total.persistentBytes !== undefined && total.activationBytes !== undefined) {
    lines.push(
      `memory: ${formatBytes(total.persistentBytes)} for weights, gradients, moments and inputs, ` +
        `${formatBytes(total.activationBytes)} for activations`,
    );
  }
  return lines.join("\n") + "\n";
}
