// out[n] = wte[tokens[n]] + wpe[start[b] + s]; positions past the last row take the last row.
//
// in:  tokens u32 (N), start u32 (B) where STARTS, wte f32 (V, C) and wpe f32 (P, C), or ranges of their rows
// out: out f32 (N, C), a range of its rows
// grid: one workgroup of 64 a row, striding over it. WIDTH = C in vectors (VECTOR = vec4f, or f32 where C is not a multiple of 4).
// Tables above the binding limit come in ranges of rows, a dispatch each. TOKENS: this one writes the rows whose token is in the
// range, and POSITIONS with it: adds the whole of wpe at once. POSITIONS alone adds a range of wpe to rows already written.
// A token outside of the vocabulary gives NaN.

@group(0) @binding(0) var<storage, read_write> out: array<{{VECTOR}}>;
//% if TOKENS
@group(0) @binding({{TOKENS_BINDING}}) var<storage, read_write> tokens: array<u32>;
@group(0) @binding({{WTE_BINDING}}) var<storage, read_write> wte: array<{{VECTOR}}>;
//% end
//% if POSITIONS
@group(0) @binding({{WPE_BINDING}}) var<storage, read_write> wpe: array<{{VECTOR}}>;
//% if STARTS
@group(0) @binding({{START_BINDING}}) var<storage, read_write> start: array<u32>;
//% end
//% end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let local = group.y * groups.x + group.x;
  if (local >= {{ROWS}}u) {
    return;
  }
//% if TOKENS
  let token = tokens[{{TOKENS_SKIP}}u + local];
  let entry = token - {{FIRST_TOKEN}}u;
  let known = entry < {{TOKEN_COUNT}}u;
//% if LAST
  let poison = bitcast<f32>(0x7fc00000u | (token & 1u));
  if (!known && token < {{FIRST_TOKEN}}u) {
    return;
  }
//% else
  if (!known) {
    return;
  }
//% end
//% end
//% if POSITIONS
  let row = {{FIRST_ROW}}u + local;
//% if STARTS
  let position = min(start[row / {{SEQUENCE}}u] + row % {{SEQUENCE}}u, {{POSITION_COUNT - 1}}u);
//% else
  let position = row % {{SEQUENCE}}u;
//% end
  let place = position - {{FIRST_POSITION}}u;
//% if !TOKENS
  if (place >= {{PLACES}}u) {
    return;
  }
//% end
//% end
  for (var c = lane; c < {{WIDTH}}u; c += 64u) {
    let at = {{OUT_SKIP}}u + local * {{WIDTH}}u + c;
//% if TOKENS
    var y = wte[{{WTE_SKIP}}u + entry * {{WIDTH}}u + c];
//% if LAST
    y = select({{VECTOR}}(poison), y, known);
//% end
//% else
    var y = out[at];
//% end
//% if POSITIONS
    y += wpe[{{WPE_SKIP}}u + place * {{WIDTH}}u + c];
//% end
    out[at] = y;
  }
}
