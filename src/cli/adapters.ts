/** Says how to get a better WebGPU adapter than the ones that were found. */

import type { AdapterDescription } from "../device/webgpu/adapter.ts";

/**
 * What to do for a better adapter; nothing where there is a hardware adapter.
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
  if (os !== "linux") return [...advice, "For a GPU: install the current driver of the graphics card's maker."];
  advice.push(
    "For a GPU: install its Vulkan driver (NVIDIA's own driver, or mesa-vulkan-drivers for AMD and Intel).",
  );
  if (adapters.length === 0) {
    advice.push(
      "For a software adapter: apt-get install mesa-vulkan-drivers (Debian, Ubuntu);",
      "  in a checkout, deno task setup:adapter does that.",
    );
  }
  return advice;
}
