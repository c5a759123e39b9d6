/**
 * Makes sure that WebGPU finds an adapter, for the tests of that device. Where there is none it installs Mesa's software one, if
 * it runs as root on a system with apt-get; else it says what to do. It exits with 0 if an adapter is there in the end.
 *
 * Usage: deno task setup:adapter
 */

import { describeAdapters } from "../src/device/webgpu/adapter.ts";
import { adapterAdvice } from "../src/cli/adapters.ts";
import { fromRoot } from "./deno_command.ts";

const SOFTWARE_ADVICE = "For a software adapter: apt-get install mesa-vulkan-drivers, as root (Debian, Ubuntu).";

/**
 * Runs this task as a process of its own: a process that has once looked for adapters does not see new ones.
 *
 * @returns whether there is an adapter now
 */
export async function ensureAdapter(): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--cached-only", fromRoot("tasks/setup_adapter.ts")],
    cwd: fromRoot("."),
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  });
  return (await command.output()).success;
}

async function apt(args: readonly string[]): Promise<boolean> {
  const command = new Deno.Command("apt-get", {
    args: [...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  });
  return (await command.output()).success;
}

function hasAptGet(): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return folder !== "" && Deno.statSync(`${folder}/apt-get`).isFile;
    } catch {
      return false;
    }
  });
}

if (import.meta.main) {
  if ((await describeAdapters()).length > 0) Deno.exit(0);
  if (Deno.args.includes("--installed")) {
    console.error("WebGPU finds no adapter, though mesa-vulkan-drivers is installed.");
    Deno.exit(1);
  }
  if (Deno.uid() !== 0 || !hasAptGet()) {
    console.error(
      ["WebGPU finds no adapter, so its tests are skipped.", ...adapterAdvice([]), SOFTWARE_ADVICE].join("\n"),
    );
    Deno.exit(1);
  }
  console.error("WebGPU finds no adapter: installing Mesa's software adapter (apt-get install mesa-vulkan-drivers)");
  const install = ["install", "-y", "-qq", "--no-install-recommends", "mesa-vulkan-drivers"];
  if (!(await apt(["update", "-qq"]) && await apt(install))) Deno.exit(1);
  const again = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--cached-only", fromRoot("tasks/setup_adapter.ts"), "--installed"],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  });
  Deno.exit((await again.output()).code);
}
