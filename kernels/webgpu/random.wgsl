// Threefry-2x32 with 13 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the same words as
// threefry() of src/program/random.ts, where the counters in use are listed. A snippet: kernels paste it before their code.

fn threefryRound(x: vec2u, left: u32) -> vec2u {
  let sum = x.x + x.y;
  return vec2u(sum, ((x.y << left) | (x.y >> (32u - left))) ^ sum);
}

fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  let parity = 0x1bd11bdau ^ key.x ^ key.y;
  var x = counter + key;
  x = threefryRound(x, 13u);
  x = threefryRound(x, 15u);
  x = threefryRound(x, 26u);
  x = threefryRound(x, 6u);
  x += vec2u(key.y, parity + 1u);
  x = threefryRound(x, 17u);
  x = threefryRound(x, 29u);
  x = threefryRound(x, 16u);
  x = threefryRound(x, 24u);
  x += vec2u(parity, key.x + 2u);
  x = threefryRound(x, 13u);
  x = threefryRound(x, 15u);
  x = threefryRound(x, 26u);
  x = threefryRound(x, 6u);
  x += vec2u(key.x, key.y + 3u);
  return threefryRound(x, 17u);
}
