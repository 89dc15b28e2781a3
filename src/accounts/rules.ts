import { fail, ok, type Result } from "../lib/result.ts";

/** What a member may call themselves and choose as a password. Checked before anything costs time. */

export const PASSWORD_CHARACTERS = { least: 10, most: 1024 } as const;
export const NAME_CHARACTERS = { least: 3, most: 40 } as const;
const EMAIL_CHARACTERS_MOST = 254; // RFC 5321 section 4.5.3.1.3, less the angle brackets

/** The one spelling of an account name: lower case; undefined where it is not 3 to 40 of a–z 0–9 . _ - */
export function canonicalName(name: string): string | undefined {
  // Checked before lower-casing: the Kelvin sign's lower case is a plain k.
  return /^[A-Za-z0-9._-]{3,40}$/.test(name) ? name.toLowerCase() : undefined;
}

/**
 * A password in the one form that is hashed: Unicode NFC, so that two keyboards that compose a letter differently
 * still type the same password (RFC 8265 section 4.2). `name` is the canonical account name.
 */
export function acceptPassword(
  password: string,
  name: string,
): Result<string, "password-short" | "password-long" | "password-is-name"> {
  const typed = typedPassword(password);
  if (typed === undefined) return fail("password-long");
  if ([...typed].length < PASSWORD_CHARACTERS.least) return fail("password-short");
  if (typed.toLowerCase() === name) return fail("password-is-name");
  return ok(typed);
}

/** What somebody typed at a login, in the form that was hashed; undefined where it is too long to be anybody's. */
export function typedPassword(password: string): string | undefined {
  // A character is at most two UTF-16 units: without this, counting a megabyte would be the work.
  if (password.length > 2 * PASSWORD_CHARACTERS.most) return undefined;
  const composed = password.normalize("NFC");
  return [...composed].length > PASSWORD_CHARACTERS.most ? undefined : composed;
}

export type Slip = "name-invalid" | "password-short" | "password-long" | "password-is-name" | "email-invalid";

/** All that these rules have against what somebody signs up with, in the order of the fields. */
export function slipsOf(input: { name: string; password: string; email?: string | undefined }): Slip[] {
  const name = canonicalName(input.name);
  const password = acceptPassword(input.password, name ?? "");
  const email = acceptEmail(input.email);
  return [
    ...(name === undefined ? (["name-invalid"] as const) : []),
    ...(password.ok ? [] : [password.error]),
    ...(email.ok ? [] : [email.error]),
  ];
}

/** A light check: something, one @, a name with a dot, no blanks. Blank input is no address. */
export function acceptEmail(email: string | undefined): Result<string | undefined, "email-invalid"> {
  const trimmed = email?.trim() ?? "";
  if (trimmed === "") return ok(undefined);
  if (trimmed.length > EMAIL_CHARACTERS_MOST) return fail("email-invalid");
  return /^[^\s@<>"(),:;\\[\]\p{Cc}]+@[^\s@<>"(),:;\\[\]\p{Cc}.]+(\.[^\s@<>"(),:;\\[\]\p{Cc}.]+)+$/u.test(
    trimmed,
  )
    ? ok(trimmed)
    : fail("email-invalid");
}
