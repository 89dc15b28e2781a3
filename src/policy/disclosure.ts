import { LIFETIMES, lifetimeText } from "./lifetimes.ts";
import { paymentRecordText } from "./payment-record.ts";

/** What an answer to a lawful request for data can contain: all that is stored about an account, and nothing else. */
export interface DisclosedAccount {
  name: string;
  email: string | undefined;
  emailVerified: boolean;
  /** UTC seconds; undefined: never paid. */
  paidUntil: number | undefined;
  deleteAfter: number;
  /** Paid time that was taken back, as it is stored (accounts/paid-time.ts). */
  takenBack: string | undefined;
  terminated: boolean;
  /** Whether a PayPal subscription pays for it. */
  renews: boolean;
  /** WireGuard devices: the name that the member gave each, its public key, and the servers that it may be online on. */
  devices: readonly { name: string | undefined; publicKey: string; servers: readonly string[] }[];
}

const time = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** As wide as a letter: an answer that is sent on. */
const COLUMNS = 118;

/** A paragraph, broken between its words. */
function paragraph(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

const NOT_STORED = [
  "  password         an Argon2id hash; the password cannot be read from it",
  "  VPN credentials  made from a random number and a key of the office; no server keeps who used them, or when",
  ...paragraph(
    "Nothing else can be found by it: no name or postal address, no time of sign-up, log-in or connection, no network address, nothing of the traffic.",
  ),
  ...paragraph(
    `Of a payment a record is kept for ${lifetimeText(LIFETIMES.paymentEvent.days)} and to the end of the month: a keyed hash, and sealed ${paymentRecordText}. Only with the payment provider's own number of that payment can it be found and opened.`,
  ),
  "Every stored value is listed by: lethe inventory",
];

/** The true answer, in lines. `account`: undefined where there is none of that name. */
export function disclosure(name: string, account: DisclosedAccount | undefined): string[] {
  if (account === undefined)
    return [
      `There is no account called ${name}.`,
      "Whether there was one cannot be told: of an account that was deleted nothing is left.",
    ];
  const { email, emailVerified, paidUntil, takenBack, deleteAfter, terminated, renews, devices } = account;
  const verified = emailVerified ? "confirmed by its owner" : "as the member typed it, not confirmed";
  return [
    `There is an account called ${account.name}. All that is stored about it:`,
    `  e-mail address   ${email === undefined ? "none" : `${email} (${verified})`}`,
    `  paid until       ${paidUntil === undefined ? "never paid" : time(paidUntil)}`,
    ...(takenBack === undefined ? [] : [`  taken back       ${takenBack} of paid time`]),
    `  subscription     ${renews ? "one runs at PayPal; a keyed hash of its number is stored" : "none"}`,
    `  ended by us      ${terminated ? "yes" : "no"}`,
    `  deleted after    ${time(deleteAfter)}`,
    `  devices          ${devices.length === 0 ? "none for WireGuard; other devices are not known" : `${devices.length} for WireGuard; other devices are not known`}`,
    ...devices.map(
      ({ name: called, publicKey, servers }) =>
        `    ${publicKey}  ${called ?? "without a name"}; may be online on ${servers.length === 0 ? "no server" : servers.join(", ")}`,
    ),
    ...NOT_STORED,
  ];
}
