/** Codes of base32 characters that people copy from a screen or from paper: shown in groups, read however they were typed. */

/** What nobody types so much of: spares the rest of the work. */
const TYPED_MOST = 100;

/** Every space and every dash: Unicode's `Dash` has the minus sign too, which `Pd` leaves out. */
const BETWEEN = /[\s\p{Dash}]/gu;

/** Base32 leaves these digits out; who reads one means the letter it looks like. */
const LETTER_OF: Readonly<Record<string, string>> = { 0: "o", 1: "l", 8: "b" };

/** In groups of `size` with dashes between, to be read out: `k3v2q-x2m4d`. */
export const grouped = (code: string, size = 5): string =>
  code.replace(new RegExp(`.{${size}}(?=.)`, "g"), "$&-");

/**
 * A code of so many base32 characters however it was typed: capitals, spaces and dashes do not matter, and 0, 1 and 8 are o, l
 * and b. Undefined where it can be none.
 */
export function plainCode(typed: string, characters: number): string | undefined {
  if (typed.length > TYPED_MOST) return undefined;
  const plain = typed
    .toLowerCase()
    .replace(BETWEEN, "")
    .replace(/[018]/g, (digit) => LETTER_OF[digit]!);
  return plain.length === characters && /^[a-z2-7]*$/.test(plain) ? plain : undefined;
}
