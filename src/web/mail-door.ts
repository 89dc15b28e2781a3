import { domainToASCII } from "node:url";
import { networkOf } from "../accounts/login-throttle.ts";
import type { MailLinks } from "../accounts/mail-links.ts";
import type { Clock } from "../lib/clock.ts";
import { LeakyBuckets } from "../lib/leaky-buckets.ts";
import type { Result } from "../lib/result.ts";
import type { Letter, LetterProblem } from "../mail/letter.ts";
import type { EnqueueOptions } from "../mail/queue.ts";
import { MAIL_LINK_MINUTES } from "../policy/lifetimes.ts";

/** How pages send mail; `web.mail` is undefined where the operator has no mail server. */
export interface MailDoor {
  /** What links in mails begin with: from lethe.toml, never from what a request calls the host. */
  origin: string;
  links: MailLinks;
  /** Takes a letter to be sent soon. Throws StoreError. */
  enqueue(letter: Letter, options?: EnqueueOptions): Promise<Result<void, LetterProblem | "queue-full">>;
}

export const MAIL_LINK_S = MAIL_LINK_MINUTES * 60;

/** Letters that a network may ask for at one go (a meeting where everybody signs up), and then one in so long. */
const NETWORK_BURST = 20;
const NETWORK_EACH_MS = 30_000;
/** Letters that one address gets because somebody asked. */
const ADDRESS_BURST = 3;
const ADDRESS_EACH_MS = 20 * 60_000;

/** Keeps strangers from filling somebody's mailbox through us. Counts in memory only, under a key made at the start. */
export class MailThrottle {
  readonly #networks: LeakyBuckets;
  readonly #addresses: LeakyBuckets;

  constructor(clock: Clock) {
    this.#networks = new LeakyBuckets({ clock, burst: NETWORK_BURST, oneEachMs: NETWORK_EACH_MS });
    this.#addresses = new LeakyBuckets({ clock, burst: ADDRESS_BURST, oneEachMs: ADDRESS_EACH_MS });
  }

  /** Whether this network may ask for another letter now. */
  mayAsk(address: string): boolean {
    return this.#networks.take(networkOf(address)) !== undefined;
  }

  /** Whether this mailbox may be sent another letter that somebody asked for. */
  mayWrite(to: string): boolean {
    return this.#addresses.take(mailboxOf(to)) !== undefined;
  }
}

/**
 * Many ways to write an address lead to one mailbox: capitals, what stands behind a `+` (RFC 5233, as most providers have it), and what
 * comes to one domain once it is sent (`ｅxample.org`; UTS #46).
 */
function mailboxOf(address: string): string {
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1);
  const user = address.slice(0, at).replace(/(?<=.)\+.*$/s, "");
  return `${user}@${domainToASCII(domain) || domain}`.toLowerCase();
}
