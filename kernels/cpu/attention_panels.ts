/**
 * The transposed products of attention, C (m, 8) = Aᵀ · B: B (k, 8) and C are strips as in attention_tiles.ts; A (k, m) lies in panels
 * of 6 or 4 columns as panelWidth() cuts them. k is even, m a multiple of 4.
 */
import { panelWidth } from "./attention_tiles";
import { fma } from "./simd";

/**
 * C (m, 8) = Aᵀ · B over the first k rows, or C += with `add`.
 * @param rows rows that A is packed with, at least k
 */
export function panelsProduct(a: usize, rows: usize, m: u32, b: usize, k: u32, c: usize, add: bool): void {
  while (m > 0) {
    if (panelWidth(m) == 6) {
      panelTile6(a, b, k, c, add);
      a += rows * 24;
      c += 192;
      m -= 6;
    } else {
      panelTile4(a, b, k, c, add);
      a += rows * 16;
      c += 128;
      m -= 4;
    }
  }
}

/**
 * The same for one lane after the other, each over the keys that its query sees: slow, for values that are not finite. A weight of 0
 * does not keep a NaN or an infinity of a later key out.
 * @param key number of A's first row; lane l sees rows up to query + l, at most up to `last`
 */
export function seenProduct(
  a: usize,
  rows: usize,
  m: u32,
  b: usize,
  k: u32,
  c: usize,
  add: bool,
  key: u32,
  query: u32,
  last: u32,
): void {
  while (m > 0) {
    const columns = panelWidth(m);
    for (let column: u32 = 0; column < columns; column++) {
      for (let lane: u32 = 0; lane < 8; lane++) {
        const end = min(query + lane, last) + 1;
        const seen = end > key ? min(end - key, k) : 0;
        const to = c + (column << 5) + (lane << 2);
        let sum: f32 = add ? load<f32>(to) : 0;
        for (let j: u32 = 0; j < seen; j++) {
          sum += load<f32>(a + (j * columns + column << 2)) * load<f32>(b + (j << 5) + (lane << 2));
        }
        store<f32>(to, sum);
      }
    }
    a += rows * columns << 2;
    c += columns << 5;
    m -= columns;
  }
}

function panelTile6(a: usize, b: usize, k: u32, c: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  if (add) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c10 = v128.load(c, 32);
    c11 = v128.load(c, 48);
    c20 = v128.load(c, 64);
    c21 = v128.load(c, 80);
    c30 = v128.load(c, 96);
    c31 = v128.load(c, 112);
    c40 = v128.load(c, 128);
    c41 = v128.load(c, 144);
    c50 = v128.load(c, 160);
    c51 = v128.load(c, 176);
  }
  const end = b + (<usize>k << 5);
  while (b != end) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = fma(x, b0, c00);
    c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = fma(x, b0, c10);
    c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = fma(x, b0, c20);
    c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = fma(x, b0, c30);
    c31 = fma(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = fma(x, b0, c40);
    c41 = fma(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = fma(x, b0, c50);
    c51 = fma(x, b1, c51);
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    x = v128.load32_splat(a, 24);
    c00 = fma(x, b0, c00);
    c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 28);
    c10 = fma(x, b0, c10);
    c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 32);
    c20 = fma(x, b0, c20);
    c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 36);
    c30 = fma(x, b0, c30);
    c31 = fma(x, b1, c31);
    x = v128.load32_splat(a, 40);
    c40 = fma(x, b0, c40);
    c41 = fma(x, b1, c41);
    x = v128.load32_splat(a, 44);
    c50 = fma(x, b0, c50);
    c51 = fma(x, b1, c51);
    a += 48;
    b += 64;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c10, 32);
  v128.store(c, c11, 48);
  v128.store(c, c20, 64);
  v128.store(c, c21, 80);
  v128.store(c, c30, 96);
  v128.store(c, c31, 112);
  v128.store(c, c40, 128);
  v128.store(c, c41, 144);
  v128.store(c, c50, 160);
  v128.store(c, c51, 176);
}

function panelTile4(a: usize, b: usize, k: u32, c: usize, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  if (add) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    c10 = v128.load(c, 32);
    c11 = v128.load(c, 48);
    c20 = v128.load(c, 64);
    c21 = v128.load(c, 80);
    c30 = v128.load(c, 96);
    c31 = v128.load(c, 112);
  }
  const end = b + (<usize>k << 5);
  while (b != end) {
    let b0 = v128.load(b);
    let b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = fma(x, b0, c00);
    c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = fma(x, b0, c10);
    c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = fma(x, b0, c20);
    c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = fma(x, b0, c30);
    c31 = fma(x, b1, c31);
    b0 = v128.load(b, 32);
    b1 = v128.load(b, 48);
    x = v128.load32_splat(a, 16);
    c00 = fma(x, b0, c00);
    c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 20);
    c10 = fma(x, b0, c10);
    c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 24);
    c20 = fma(x, b0, c20);
    c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 28);
    c30 = fma(x, b0, c30);
    c31 = fma(x, b1, c31);
    a += 32;
    b += 64;
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c10, 32);
  v128.store(c, c11, 48);
  v128.store(c, c20, 64);
  v128.store(c, c21, 80);
  v128.store(c, c30, 96);
  v128.store(c, c31, 112);
}
