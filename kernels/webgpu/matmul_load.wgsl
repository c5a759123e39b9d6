// Four consecutive elements of an operand of a matmul. A line is a row as it lies in memory, A_FIRST and B_FIRST are where in it
// the dispatch's part begins. Loads beyond the end of a line or buffer give values that no output depends on.
fn loadA(line: u32, at: u32) -> vec4f {
  //% if A_ALIGNED
  return a[(line * {{A_STRIDE}}u + {{A_FIRST}}u + at) >> 2u];
  //% else
  let i = line * {{A_STRIDE}}u + {{A_FIRST}}u + at;
  return vec4f(a[i], a[i + 1u], a[i + 2u], a[i + 3u]);
  //% end
}

fn loadB(line: u32, at: u32) -> vec4f {
  //% if B_ALIGNED
  return b[(line * {{B_STRIDE}}u + {{B_FIRST}}u + at) >> 2u];
  //% else
  let i = line * {{B_STRIDE}}u + {{B_FIRST}}u + at;
  return vec4f(b[i], b[i + 1u], b[i + 2u], b[i + 3u]);
  //% end
}
