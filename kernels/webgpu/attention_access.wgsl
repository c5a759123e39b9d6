// Reading and writing four neighbouring elements of one head of the binding {{NAME}}. A snippet, pasted once per binding.
// Offsets count vec4f where the head size is a multiple of 4 (VECTOR), else f32; `chunk` is a constant at every call, so the
// test for the last, partial chunk disappears. Elements past the head's end read as 0 and are not written.

fn load_{{NAME}}(at: u32, chunk: u32) -> vec4f {
//% if VECTOR
  return {{NAME}}[at + chunk];
//% else
  let e = at + chunk * 4u;
  if (chunk == {{CHUNKS-1}}u) {
    var tail = vec4f({{NAME}}[e], 0.0, 0.0, 0.0);
//% if TAIL2
    tail.y = {{NAME}}[e + 1u];
//% end
//% if TAIL3
    tail.z = {{NAME}}[e + 2u];
//% end
    return tail;
  }
  return vec4f({{NAME}}[e], {{NAME}}[e + 1u], {{NAME}}[e + 2u], {{NAME}}[e + 3u]);
//% end
}

//% if STORE
fn store_{{NAME}}(at: u32, chunk: u32, value: vec4f) {
//% if VECTOR
  {{NAME}}[at + chunk] = value;
//% else
  let e = at + chunk * 4u;
  {{NAME}}[e] = value.x;
  if (chunk == {{CHUNKS-1}}u) {
//% if TAIL2
    {{NAME}}[e + 1u] = value.y;
//% end
//% if TAIL3
    {{NAME}}[e + 2u] = value.z;
//% end
    return;
  }
  {{NAME}}[e + 1u] = value.y;
  {{NAME}}[e + 2u] = value.z;
  {{NAME}}[e + 3u] = value.w;
//% end
}
//% end
