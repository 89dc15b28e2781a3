import type { Context } from "hono";
import type { AccountView } from "../accounts/account-view.ts";
import { confirmLetter } from "../mail/letters.ts";
import { languageOf } from "./languages/page-language.ts";
import { MAIL_LINK_S } from "./mail-door.ts";
import type { SiteEnv } from "./options.ts";
import type { Web } from "./web.ts";

/** Sends the link by which an account's address is confirmed. `off`: there is no mail server, or nothing to confirm. */
export async function sendConfirmation(
  web: Web,
  c: Context<SiteEnv>,
  { id, email, emailVerified }: AccountView,
): Promise<"sent" | "slow-down" | "off"> {
  if (web.mail === undefined || email === undefined || emailVerified) return "off";
  if (!web.mailThrottle.mayAsk(web.clientAddress(c)) || !web.mailThrottle.mayWrite(email)) return "slow-down";
  const link = await web.mail.links.issue("confirm-email", id);
  if (link === undefined) return "off";
  const { say, prefix } = languageOf(c);
  const site = { name: web.siteName, origin: web.mail.origin, say, prefix };
  const taken = await web.mail.enqueue(confirmLetter(site, email, link), { goodForS: MAIL_LINK_S });
  return taken.ok ? "sent" : "slow-down";
}
