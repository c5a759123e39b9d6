/** `codekiln devices`: what this machine can compute on, what `--device auto` takes, and how to get something better. */

import { type AdapterDescription, describeAdapters } from "../device/webgpu/adapter.ts";
import { adapterAdvice } from "./adapters.ts";
import type { CommandContext } from "./command.ts";
import { defineCommand } from "./define_command.ts";
import { optionTable } from "./options.ts";
import { wrap } from "./help.ts";
import { formatBytes } from "./progress.ts";

export const devicesCommand = defineCommand({
  name: "devices",
  summary: "Show what this machine can compute on and what --device auto takes",
  description:
    "Lists the WebGPU adapters with their features and limits, the processor's threads, and what --device auto would choose.",
  options: optionTable({
    json: { type: "boolean", default: false, group: "Output", help: "Print one JSON object" },
  }),
  examples: [
    { what: "for people", command: "devices" },
    { what: "for programs", command: "devices --json" },
  ],
  run: ({ values }, context) => showDevices(values.json, context),
});

/** What `devices --json` prints. */
interface DevicesReport {
  readonly adapters: readonly AdapterDescription[];
  readonly threads: number;
  readonly cpu_device: "not there yet";
  readonly auto: { readonly device: "gpu" | null; readonly adapter: string | null; readonly why: string };
  readonly advice: readonly string[];
}

async function showDevices(json: boolean, context: CommandContext): Promise<void> {
  const report = await collect();
  await context.write(json ? `${JSON.stringify(report)}\n` : describe(report));
}

async function collect(): Promise<DevicesReport> {
  const adapters = await describeAdapters();
  const chosen = adapters.at(0);
  const why = !chosen
    ? "no WebGPU adapter was found, and the CPU device is not there yet"
    : chosen.software
    ? "the only adapter is a software one; it is taken because the CPU device is not there yet"
    : "a hardware adapter";
  return {
    adapters,
    threads: navigator.hardwareConcurrency,
    cpu_device: "not there yet",
    auto: { device: chosen ? "gpu" : null, adapter: chosen?.name ?? null, why },
    advice: adapterAdvice(adapters),
  };
}

function describe(report: DevicesReport): string {
  const lines: string[] = [];
  if (report.adapters.length === 0) lines.push("WebGPU adapters: none", "");
  for (const adapter of report.adapters) {
    const limits = adapter.limits;
    lines.push(
      `WebGPU adapter: ${adapter.name} (${adapter.software ? "software" : "hardware"})`,
      ...wrap(`features: ${adapter.features.join(", ") || "none"}`, 90).map((line, i) =>
        (i === 0 ? "  " : "    ") + line
      ),
      `  16-bit floats: ${adapter.f16 ? "yes" : "no"}, subgroups: ${adapter.subgroups ? "yes" : "no"}`,
      `  largest storage binding: ${formatBytes(limits.maxStorageBufferBindingSize)}, ` +
        `largest buffer: ${formatBytes(limits.maxBufferSize)}`,
      `  workgroup: ${limits.maxComputeInvocationsPerWorkgroup} invocations, ` +
        `${formatBytes(limits.maxComputeWorkgroupStorageSize)} shared; ` +
        `${limits.maxStorageBuffersPerShaderStage} storage buffers a stage`,
      "",
    );
  }
  lines.push(
    `CPU: ${report.threads} threads; --device cpu is not there yet`,
    `--device auto takes: ${report.auto.adapter ?? "nothing"}`,
    `  (${report.auto.why})`,
  );
  if (report.advice.length > 0) lines.push("", ...report.advice);
  return lines.join("\n") + "\n";
}
