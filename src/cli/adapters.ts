/** Says how to get a GPU that WebGPU reaches, where none was found. */

import type { AdapterDescription } from "../device/webgpu/adapter.ts";

/**
 * What to do for a GPU; nothing where there is a hardware adapter.
 *
 * @param backend the value of DENO_WEBGPU_BACKEND, which restricts what is found
 */
export function adapterAdvice(
  adapters: readonly Pick<AdapterDescription, "software">[],
  os: string = Deno.build.os,
  backend: string | undefined = Deno.env.get("DENO_WEBGPU_BACKEND"),
): string[] {
  if (adapters.some((adapter) => !adapter.software)) return [];
  // On Linux Vulkan is the backend in any case.
  const restricted = backend && !(os === "linux" && backend === "vulkan");
  const advice = restricted ? [`DENO_WEBGPU_BACKEND=${backend} restricts the search to that backend.`] : [];
  const driver = os === "linux"
    ? "install its Vulkan driver (NVIDIA's own driver, or mesa-vulkan-drivers for AMD and Intel)."
    : "install the current driver of the graphics card's maker.";
  return [...advice, `For a GPU: ${driver}`];
}

/** What to do for a system BLAS that the CPU device can use; macOS brings one. */
export function blasAdvice(os: string = Deno.build.os): string {
  const ways: Readonly<Record<string, string>> = {
    linux: "apt-get install libopenblas0-pthread (Debian, Ubuntu), or dnf install openblas-threads (Fedora)",
    darwin: "brew install openblas",
    windows: "put OpenBLAS's libopenblas.dll into a folder of PATH",
  };
  const way = ways[os] ?? "install OpenBLAS";
  return `For faster matrix products on the CPU: ${way}; or name a library with --blas PATH.`;
}
