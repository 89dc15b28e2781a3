import type { Context } from "hono";
import type { AccountView } from "../accounts/account-view.ts";
import type { SignUpError, SignUpInput } from "../accounts/accounts.ts";
import { slipsOf } from "../accounts/rules.ts";
import type { VoucherError } from "../billing/vouchers.ts";
import { fail, type Result } from "../lib/result.ts";
import type { SiteEnv } from "./options.ts";
import { sendConfirmation } from "./send-confirmation.ts";
import type { Web } from "./web.ts";

export type SignUpProblem = SignUpError | VoucherError;

/** `slow-down`: too many names that somebody has were tried with a voucher. */
export type SignUpRefusal = "sign-up-slow" | "sign-up-closed" | "slow-down";

export const isSignUpRefusal = (code: string): code is SignUpRefusal =>
  code === "sign-up-slow" || code === "sign-up-closed" || code === "slow-down";

/**
 * One try to sign up: the only way from the web to a new account, for pages and API alike. It is slowed after many of
 * one network without a voucher, and with one after many names that are taken; none where the operator has switched it off.
 * `problems`: all that is wrong with what was typed, not the first thing alone. Throws BusyError.
 */
export async function trySignUp(
  web: Web,
  c: Context<SiteEnv>,
  { voucher, ...input }: SignUpInput & { voucher: string },
): Promise<{ made: Result<AccountView, SignUpProblem | SignUpRefusal>; problems: SignUpProblem[] }> {
  const refuse = (refusal: SignUpRefusal) => ({ made: fail(refusal), problems: [] });
  if (!(await web.switches.isOn("sign-up"))) return refuse("sign-up-closed");
  // A bad voucher is refused before anything costs time. A good one is not used up by a name that is taken: these are counted as well.
  const turn = (voucher === "" ? web.signUps : web.takenNames).take(web.clientAddress(c));
  if (turn === undefined) return refuse(voucher === "" ? "sign-up-slow" : "slow-down");
  const made =
    voucher === "" ? await web.accounts.signUp(input) : await web.vouchers.signUp({ ...input, voucher });
  const problems = made.ok ? [] : await problemsOf(web, { ...input, voucher }, made.error);
  // Which names are taken is not to be found out in great numbers; the other refusals are the visitor's slips.
  if (made.ok ? voucher !== "" : !problems.includes("name-taken")) turn.giveBack();
  return { made: await confirmed(web, c, made), problems };
}

/** With a voucher that is none nobody is told which names are taken: codes that are made up cost nothing. */
async function problemsOf(
  web: Web,
  { voucher, ...input }: SignUpInput & { voucher: string },
  first: SignUpProblem,
): Promise<SignUpProblem[]> {
  const bad = voucher === "" ? undefined : await web.vouchers.problemOf(voucher);
  const taken = bad === undefined && (await web.accounts.byName(input.name)) !== undefined;
  const found = [...(taken ? (["name-taken"] as const) : []), ...slipsOf(input), ...(bad ? [bad] : [])];
  return [...new Set([first, ...found])];
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
