// Products of tile elements: an Element is 4 rows × 4 columns ({{PITCH}} vec4f, so that neighbours keep to different banks).

alias Element = array<vec4f, {{PITCH}}>;

/// sums += the dot products of `row` with the four rows of an element.
fn dots(row: vec4f, four: Element, sums: vec4f) -> vec4f {
  var s = sums;
  s = vec4f(fma(row.x, four[0].x, s.x), fma(row.x, four[1].x, s.y), fma(row.x, four[2].x, s.z), fma(row.x, four[3].x, s.w));
  s = vec4f(fma(row.y, four[0].y, s.x), fma(row.y, four[1].y, s.y), fma(row.y, four[2].y, s.z), fma(row.y, four[3].y, s.w));
  s = vec4f(fma(row.z, four[0].z, s.x), fma(row.z, four[1].z, s.y), fma(row.z, four[2].z, s.z), fma(row.z, four[3].z, s.w));
  s = vec4f(fma(row.w, four[0].w, s.x), fma(row.w, four[1].w, s.y), fma(row.w, four[2].w, s.z), fma(row.w, four[3].w, s.w));
  return s;
}

/// sum += the four rows of an element, weighted.
fn weigh(weights: vec4f, four: Element, sum: vec4f) -> vec4f {
  var s = fma(vec4f(weights.x), four[0], sum);
  s = fma(vec4f(weights.y), four[1], s);
  s = fma(vec4f(weights.z), four[2], s);
  return fma(vec4f(weights.w), four[3], s);
}
