/** One e-mail as the office writes it: to one address, plain text. */
export interface Letter {
  /** One address, without a name. */
  to: string;
  subject: string;
  /** Plain text, lines ended by \n. */
  text: string;
}

export type LetterProblem = "address-invalid" | "subject-invalid" | "text-invalid";

const ADDRESS_CHARACTERS_MOST = 254; // RFC 5321 section 4.5.3.1.3, less the angle brackets
const SUBJECT_CHARACTERS_MOST = 200;
const TEXT_CHARACTERS_MOST = 20_000;

/**
 * What is wrong with a letter; undefined where it may be sent. An address or a subject with a line break could add headers
 * of its own (RFC 5322 section 2.2 ends a header there), so that neither holds a control character of any kind, and the
 * address none of the signs by which a list or a name is written (RFC 5322 section 3.4).
 */
export function letterProblem({ to, subject, text }: Letter): LetterProblem | undefined {
  const address =
    /^[^\s@<>"(),:;\\[\]\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+@[^\s@<>"(),:;\\[\]\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u;
  if (to.length > ADDRESS_CHARACTERS_MOST || !address.test(to)) return "address-invalid";
  const line = new RegExp(`^[^\\p{Cc}\\p{Zl}\\p{Zp}]{1,${SUBJECT_CHARACTERS_MOST}}$`, "u");
  if (!line.test(subject)) return "subject-invalid";
  const characters = text.length;
  if (characters === 0 || characters > TEXT_CHARACTERS_MOST) return "text-invalid";
  // Tabs and line feeds alone: a bare carriage return is no end of a line to some servers, and one to others.
  return /[^\P{Cc}\n\t]/u.test(text) ? "text-invalid" : undefined;
}

/**
 * How it went with one letter. `refused`: the server will never take this one; all others are the server's or the
 * connection's trouble, and the letter is tried again.
 */
export type Delivery = "sent" | DeliveryFailure;
export type DeliveryFailure = "refused" | "later" | "unreachable" | "tls" | "login" | "sender";

/** Hands one letter to the mail server. `id` makes the Message-ID, the same at each try. Never rejects. */
export type Deliver = (letter: Letter, id: string) => Promise<Delivery>;

/** What each failure means, in the operator's words. */
export const FAILURES: Record<DeliveryFailure, string> = {
  refused: "The mail server refuses this letter for good: is the address right?",
  later: "The mail server does not take it now, and may later.",
  unreachable:
    "The mail server cannot be reached: is mail.host right, does it listen on mail.port, and may this machine connect out to it? Many hosting companies block port 25.",
  tls: "The connection could not be made safe: does the mail server's certificate fit mail.host, and is mail.tls right (starttls as a rule on 587, tls on 465)?",
  login: "The mail server refuses the login: compare mail.user and what is in mail.password_file.",
  sender: "The mail server refuses mail from the address in mail.from.",
};
