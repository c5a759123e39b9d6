/** Memory of typed arrays, given back at once: the garbage collector sees only the small object, and is in no hurry. */

/** Frees what an array lies in. The array has no elements afterwards. */
export function free(array: ArrayBufferView<ArrayBuffer>): void {
  array.buffer.transfer(0);
}
