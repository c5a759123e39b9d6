/** The system BLAS, called in the thread that asks: a function of the device's (src/device/cpu/worker.ts). */

/**
 * c (m, n) = or += a · b, row-major; a is (m, k), or (k, m) where transA is 1; b is (k, n), or (n, k) where transB is 1.
 * Addresses in bytes; lda, ldb, ldc are row lengths in elements.
 */
@external("blas", "blasGemm")
export declare function blasGemm(
  transA: i32,
  transB: i32,
  m: u32,
  n: u32,
  k: u32,
  a: usize,
  lda: u32,
  b: usize,
  ldb: u32,
  accumulate: i32,
  c: usize,
  ldc: u32,
): void;
