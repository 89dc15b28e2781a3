/**
 * MD4 (RFC 1320). OpenSSL 3 has it in its legacy provider only, and Node loads none; Windows, Apple and Android ask for it in
 * EAP-MSCHAPv2. Broken as a hash: nothing but that protocol may use it.
 */
export function md4(message: Uint8Array): Uint8Array {
  const blocks = Math.ceil((message.length + 9) / 64);
  const padded = new DataView(new ArrayBuffer(blocks * 64));
  new Uint8Array(padded.buffer).set(message);
  padded.setUint8(message.length, 0x80);
  padded.setUint32(blocks * 64 - 8, (message.length * 8) >>> 0, true);
  padded.setUint32(blocks * 64 - 4, Math.floor(message.length / 2 ** 29), true);

  // Section 3.3: A, B, C, D.
  const state = new Uint32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
  for (let at = 0; at < blocks * 64; at += 64) {
    const before = state.slice();
    for (const { mix, constant, order, shifts } of ROUNDS) {
      order.forEach((word, step) => {
        // [ABCD], [DABC], [CDAB], [BCDA]: the four take turns.
        const a = (16 - step) % 4;
        const [b, c, d] = [state[(a + 1) % 4]!, state[(a + 2) % 4]!, state[(a + 3) % 4]!];
        const sum = state[a]! + mix(b, c, d) + padded.getUint32(at + 4 * word, true) + constant;
        state[a] = rotated(sum >>> 0, shifts[step % 4]!);
      });
    }
    before.forEach((value, index) => {
      state[index] = state[index]! + value;
    });
  }
  const digest = new DataView(new ArrayBuffer(16));
  state.forEach((value, index) => {
    digest.setUint32(4 * index, value, true);
  });
  return new Uint8Array(digest.buffer);
}

const rotated = (value: number, bits: number): number => ((value << bits) | (value >>> (32 - bits))) >>> 0;

/** Section 3.4, rounds 1 to 3. */
const ROUNDS = [
  {
    mix: (x: number, y: number, z: number) => ((x & y) | (~x & z)) >>> 0,
    constant: 0,
    order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    shifts: [3, 7, 11, 19],
  },
  {
    mix: (x: number, y: number, z: number) => ((x & y) | (x & z) | (y & z)) >>> 0,
    constant: 0x5a827999,
    order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15],
    shifts: [3, 5, 9, 13],
  },
  {
    mix: (x: number, y: number, z: number) => (x ^ y ^ z) >>> 0,
    constant: 0x6ed9eba1,
    order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15],
    shifts: [3, 9, 11, 15],
  },
] as const;
