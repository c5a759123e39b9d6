// The shape of a matmul's part, and what happens to a sum: shared by all matmul kernels.
const M: u32 = {{M}}u;
const N: u32 = {{N}}u;
const K: u32 = {{K}}u;

//% if !SLICED
// z = sum with the bias (+ what earlier ranges of k left); pre = z; y = gelu(z), the tanh form; out = or += y + residual.
fn store(at: u32, sum: {{OUT}}) {
  var y = sum;
  //% if CARRIED
  y += {{CARRY}};
  //% end
  //% if PRE
  pre[at] = y;
  //% end
  //% if GELU
  // tanh is 1 in f32 well before 15; beyond, its exponentials may overflow.
  y = 0.5f * y * (1f + tanh(clamp(0.7978845608028654f * (y + 0.044715f * y * y * y), {{OUT}}(-15f), {{OUT}}(15f))));
  //% end
  //% if RESIDUAL
  y += residual[at];
  //% end
  //% if ACCUMULATE
  y += out[at];
  //% end
  out[at] = y;
}
//% else
fn store(at: u32, sum: {{OUT}}) { slices[at] = sum; }
//% end

// What columns n to n + 3 start from: the bias, or 0.
fn start(n: u32) -> vec4f {
  //% if BIAS
  let i = {{OUT_FIRST}}u + n;
  //% if OUT_ALIGNED
  return bias[i >> 2u];
  //% else
  return vec4f(bias[i], bias[i + 1u], bias[i + 2u], bias[i + 3u]);
  //% end
  //% else
  return vec4f();
  //% end
}

// Finishes columns n to n + 3 of row m (a row of the scratch memory's slices where the sum is one of several).
fn finish(m: u32, n: u32, sum: vec4f) {
  let at = m * {{OUT_STRIDE}}u + {{OUT_FIRST}}u + n;
  //% if OUT_ALIGNED
  if (n < N) { store(at >> 2u, sum); }
  //% else
  //% for c in 0..4
  if (n + {{c}}u < N) { store(at + {{c}}u, sum[{{c}}]); }
  //% end
  //% end
}
