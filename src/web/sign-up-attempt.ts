import type { Context } from "hono";
import type { AccountView } from "../accounts/account-view.ts";
import type { SignUpError, SignUpInput } from "../accounts/accounts.ts";
import type { VoucherError } from "../billing/vouchers.ts";
import { fail, type Result } from "../lib/result.ts";
import type { SiteEnv } from "./options.ts";
import { sendConfirmation } from "./send-confirmation.ts";
import type { Web } from "./web.ts";

/**
 * One try to sign up: the only way from the web to a new account, for pages and API alike. Without a voucher it is slowed
 * after many of one network; none where the operator has switched it off. Throws BusyError.
 */
export async function trySignUp(
  web: Web,
  c: Context<SiteEnv>,
  { voucher, ...input }: SignUpInput & { voucher: string },
): Promise<Result<AccountView, SignUpError | VoucherError | "sign-up-slow" | "sign-up-closed">> {
  if (!(await web.switches.isOn("sign-up"))) return fail("sign-up-closed");
  // A bad voucher is refused before anything costs time.
  if (voucher !== "") return confirmed(web, c, await web.vouchers.signUp({ ...input, voucher }));
  const turn = web.signUps.take(web.clientAddress(c));
  if (turn === undefined) return fail("sign-up-slow");
  const made = await web.accounts.signUp(input);
  // Which names are taken is not to be found out in great numbers; the other refusals are the visitor's slips.
  if (!made.ok && made.error !== "name-taken") turn.giveBack();
  return confirmed(web, c, made);
}

/** A new account's address is asked to confirm itself; the account stands whatever comes of that. */
async function confirmed<Code extends string>(
  web: Web,
  c: Context<SiteEnv>,
  made: Result<AccountView, Code>,
): Promise<Result<AccountView, Code>> {
  if (made.ok)
    await sendConfirmation(web, c, made.value).catch(() => web.log("store-unwritable", { part: "mail" }));
  return made;
}
