/** `codekiln devices`: what this machine can compute on, what `--device auto` takes, and how to get something better. */

import os from "node:os";
import { findBlas } from "../device/cpu/blas_find.ts";
import { MAX_HEAP_BYTES } from "../device/cpu/memory.ts";
import { engineFlags, isWideEngine } from "../device/cpu/engine.ts";
import { compileModule } from "../device/cpu/module.ts";
import { type AutoChoice, chooseDevice } from "../device/open.ts";
import { type AdapterDescription, describeAdapters } from "../device/webgpu/adapter.ts";
import { adapterAdvice, blasAdvice } from "./adapters.ts";
import type { CommandContext } from "./command.ts";
import { wrap } from "./help.ts";
import { formatBytes } from "./progress.ts";

/** The CPU device as `devices` shows it. */
interface CpuReport {
  readonly model: string;
  readonly threads: number;
  /** How the kernels are built for this engine: "relaxed SIMD" (fused multiply-adds) or "SIMD". */
  readonly simd: string;
  /** Bits of a vector that the kernels compute with at a time, where the processor has as many. */
  readonly vector_bits: number;
  /** The most that the device can address. */
  readonly memory_limit_bytes: number;
  readonly memory_available_bytes: number | null;
  readonly blas: { readonly name: string; readonly path: string } | null;
}

/** What `devices --json` prints. */
interface DevicesReport {
  readonly adapters: readonly AdapterDescription[];
  readonly cpu: CpuReport;
  readonly auto: AutoChoice;
  readonly advice: readonly string[];
}

export async function showDevices(json: boolean, context: CommandContext): Promise<void> {
  const report = await collect();
  await context.write(json ? `${JSON.stringify(report)}\n` : describe(report));
}

async function collect(): Promise<DevicesReport> {
  const adapters = await describeAdapters();
  const { name: simd } = await compileModule();
  const blas = findBlas("auto");
  return {
    adapters,
    cpu: {
      model: os.cpus().at(0)?.model.trim() ?? "unknown processor",
      threads: navigator.hardwareConcurrency,
      simd,
      vector_bits: isWideEngine() ? 256 : 128,
      memory_limit_bytes: MAX_HEAP_BYTES,
      memory_available_bytes: availableBytes(),
      blas: blas && { name: blas.name, path: blas.path },
    },
    auto: await chooseDevice(),
    advice: [...adapterAdvice(adapters), ...engineAdvice(), ...blas ? [] : [blasAdvice()]],
  };
}

/** What would make the CPU device faster, where this process was not started as the tasks and the portable file start it. */
function engineAdvice(): string[] {
  const flags = engineFlags();
  if (flags.length === 0 || isWideEngine()) return [];
  return [`For twice the speed on the CPU: start Deno with DENO_V8_FLAGS=${flags.join(",")}, as the tasks do.`];
}

function availableBytes(): number | null {
  try {
    return Deno.systemMemoryInfo().available;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return null;
    throw error;
  }
}

function describe(report: DevicesReport): string {
  const lines = report.adapters.length === 0 ? ["WebGPU adapters: none", ""] : report.adapters.flatMap(describeAdapter);
  lines.push(
    ...describeCpu(report.cpu),
    "",
    ...hanging(`--device auto takes the ${report.auto.device === "gpu" ? "GPU" : "CPU"}: ${report.auto.why}.`, 0),
  );
  if (report.advice.length > 0) lines.push("", ...report.advice.flatMap((advice) => hanging(advice, 0)));
  return lines.join("\n") + "\n";
}

function describeAdapter({ name, software, features, f16, subgroups, limits }: AdapterDescription): string[] {
  return [
    `WebGPU adapter: ${name} (${software ? "software" : "hardware"})`,
    ...hanging(`features: ${features.join(", ") || "none"}`, 2),
    `  16-bit floats: ${f16 ? "yes" : "no"}, subgroups: ${subgroups ? "yes" : "no"}`,
    `  largest storage binding: ${formatBytes(limits.maxStorageBufferBindingSize)}, ` +
    `largest buffer: ${formatBytes(limits.maxBufferSize)}`,
    `  workgroup: ${limits.maxComputeInvocationsPerWorkgroup} invocations, ` +
    `${formatBytes(limits.maxComputeWorkgroupStorageSize)} shared; ` +
    `${limits.maxStorageBuffersPerShaderStage} storage buffers a stage`,
    "",
  ];
}

function describeCpu(cpu: CpuReport): string[] {
  const available = cpu.memory_available_bytes;
  return [
    `CPU: ${cpu.model}, ${cpu.threads} thread${cpu.threads === 1 ? "" : "s"}`,
    `  kernels: ${cpu.simd === "SIMD" ? "SIMD without fused multiply-adds, which this engine lacks" : cpu.simd}, ` +
    `${cpu.vector_bits} bits at a time`,
    `  memory: at most ${formatBytes(cpu.memory_limit_bytes)}` +
    (available === null ? "" : `; ${formatBytes(available)} available now`),
    `  BLAS: ${cpu.blas === null ? "none found" : `${cpu.blas.name} (${cpu.blas.path})`}`,
  ];
}

/** Lines of a text, all but the first indented further. */
function hanging(text: string, indent: number): string[] {
  return wrap(text, 90 - indent).map((line, i) => " ".repeat(i === 0 ? indent : indent + 2) + line);
}
