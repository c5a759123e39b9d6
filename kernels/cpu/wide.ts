/**
 * Whether the engine makes one 256-bit instruction of two neighbouring 128-bit ones (src/device/cpu/engine.ts). Results are the same
 * either way; where it matters for speed, kernels choose by this between register tiles.
 */

// A module's globals belong to the worker that instantiated it.
let wide: bool = false;

export function setWide(value: bool): void {
  wide = value;
}

// @ts-ignore: decorator
@inline
export function isWide(): bool {
  return wide;
}
