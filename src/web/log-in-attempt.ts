import type { Context } from "hono";
import type { AccountView } from "../accounts/account-view.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import type { Member, SiteEnv } from "./options.ts";
import type { Web } from "./web.ts";

/**
 * One try to log in, slowed after wrong ones: the only way from the web to `accounts.logIn`, for pages and API alike.
 * Throws BusyError.
 */
export async function tryLogIn(
  web: Web,
  c: Context<SiteEnv>,
  name: string,
  password: string,
): Promise<Result<{ account: AccountView; stamp: string }, "slow-down" | "login-wrong">> {
  const attempt = web.throttle.attempt(name.slice(0, 100), web.clientAddress(c));
  if (!attempt.allowed) return fail("slow-down");
  const found = await web.accounts.logIn(name, password);
  if (found === undefined) return fail("login-wrong");
  attempt.succeeded();
  return ok(found);
}

/**
 * The same for clients that keep one username and password for everything: the account's own, or those of the VPN. Throws
 * BusyError.
 */
export async function tryEitherLogIn(
  web: Web,
  c: Context<SiteEnv>,
  name: string,
  password: string,
): Promise<Result<AccountView, "slow-down" | "login-wrong">> {
  const attempt = web.throttle.attempt(name.slice(0, 100), web.clientAddress(c));
  if (!attempt.allowed) return fail("slow-down");
  const account =
    (await web.accounts.byVpnCredentials(name, password)) ??
    (await web.accounts.logIn(name, password))?.account;
  if (account === undefined) return fail("login-wrong");
  attempt.succeeded();
  return ok(account);
}

/**
 * What asks a member for the password once more, slowed like a log-in: whoever has got hold of a session must not be able
 * to try passwords at will. Throws BusyError.
 */
export async function tryPassword<Value, Code extends string>(
  web: Web,
  c: Context<SiteEnv>,
  { account }: Pick<Member, "account">,
  work: (id: string) => Promise<Result<Value, Code>>,
): Promise<Result<Value, Code | "slow-down">> {
  const attempt = web.throttle.attempt(account.name, web.clientAddress(c));
  if (!attempt.allowed) return fail("slow-down");
  const outcome = await work(account.id);
  if (outcome.ok) attempt.succeeded();
  return outcome;
}
