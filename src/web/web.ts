import type { LoginThrottle } from "../accounts/login-throttle.ts";
import type { SignUpThrottle } from "../accounts/sign-up-throttle.ts";
import type { AnswerCache } from "./answer-cache.ts";
import type { Cookies } from "./cookies.ts";
import type { Languages } from "./languages/languages.ts";
import type { MailThrottle } from "./mail-door.ts";
import type { SiteOptions } from "./options.ts";
import type { PolicyChoice } from "./policy-choice.ts";
import type { Redemptions } from "./redemptions.ts";
import type { SessionSeal } from "./session.ts";
import type { Theme } from "./theme/theme.ts";

/** What a page's code gets: the site's options, and what the site has made of them. */
export interface Web extends SiteOptions {
  policy: PolicyChoice;
  /** What its pages look like. */
  look: Theme;
  /** Those of this site. */
  spoken: Languages;
  /** Whether this site has a page at that path. */
  has(path: string): boolean;
  seal: SessionSeal;
  cookies: Cookies;
  /** Of answers that are the same for everybody. */
  answers: AnswerCache;
  throttle: LoginThrottle;
  signUps: SignUpThrottle;
  /** Of sign-ups with a voucher for names that somebody has. */
  takenNames: SignUpThrottle;
  redemptions: Redemptions;
  /** Of letters that somebody asks for. */
  mailThrottle: MailThrottle;
}
