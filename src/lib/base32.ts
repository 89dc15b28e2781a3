/** RFC 4648 section 6 base32, lower case and without padding: what people can read out and type. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/** The bits of `bytes` as base32, cut to `length` characters where given. */
export function base32(bytes: Uint8Array, length = Math.ceil((bytes.length * 8) / 5)): string {
  let out = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5 && out.length < length) {
      bits -= 5;
      out += ALPHABET[(held >> bits) & 31];
    }
  }
  if (bits > 0 && out.length < length) out += ALPHABET[(held << (5 - bits)) & 31];
  if (out.length < length) throw new RangeError(`base32: ${bytes.length} bytes give no ${length} characters`);
  return out;
}

/**
 * The bytes of a base32 text; upper and lower case are the same.
 * Bits that do not fill a byte are dropped. Returns undefined where a character is none of the alphabet's.
 */
export function fromBase32(text: string): Uint8Array | undefined {
  const out = new Uint8Array(Math.floor((text.length * 5) / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const character of text.toLowerCase()) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >> bits) & 0xff;
    }
  }
  return out;
}
