import type { Context, Handler, MiddlewareHandler } from "hono";
import { errorPage } from "./errors.ts";
import type { Member, SiteEnv } from "./options.ts";
import { type Session, sameText } from "./session.ts";
import type { Web } from "./web.ts";

/**
 * The only way to a member: a page below /member gets the account from here or not at all, and an answer whose page never
 * came through here does not leave the house (`mustAsk`).
 */
export type MemberHandler = (c: Context<SiteEnv>, member: Member) => Response | Promise<Response>;

/** Holds a session against the account as it is now. `gone`: the account no longer exists; `ended`: another password. */
async function memberOf(web: Web, session: Session | undefined): Promise<Member | "ended" | "gone"> {
  if (session === undefined) return "ended";
  const now = await web.accounts.stampOf(session.accountId);
  if (now === undefined) return "gone";
  return sameText(now.stamp, session.stamp) ? { account: now.account, session } : "ended";
}

/** For pages that are there for everybody: who is logged in, if anybody. */
export async function memberHere(web: Web, c: Context<SiteEnv>): Promise<Member | undefined> {
  const member = await memberOf(web, c.get("session"));
  return typeof member === "object" ? member : undefined;
}

/** For pages: who is not logged in is led to the log-in page. */
export const forMembers =
  (web: Web, handler: MemberHandler): Handler<SiteEnv> =>
  async (c) => {
    const member = await memberOf(web, c.get("session"));
    c.set("asked", true);
    if (typeof member === "object") return handler(c, member);
    const had = c.get("session") !== undefined;
    web.cookies.logOut(c);
    if (member === "gone") return c.redirect("/account-gone", 303);
    return c.redirect(had ? "/log-in?why=ended" : "/log-in", 303);
  };

/**
 * For the API: `Authorization: Bearer …` (RFC 6750). Stands before every address of an account, so before a body is read;
 * what comes after finds the member in `c.get("member")`.
 */
export const forBearers =
  (web: Web): MiddlewareHandler<SiteEnv> =>
  async (c, next) => {
    const token = /^Bearer ([\w-]+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    const member = await memberOf(web, web.seal.open("bearer", token));
    if (typeof member !== "object") return errorPage(web, c, "not-logged-in");
    c.set("member", member);
    return next();
  };

/** Stands before every member page: authorisation that was forgotten is an error, not an open door. */
export const mustAsk =
  (web: Web): MiddlewareHandler<SiteEnv> =>
  async (c, next) => {
    await next();
    if (c.get("asked")) return;
    web.log("internal-error", { part: "site" });
    c.res = undefined;
    c.res = errorPage(web, c, "internal");
  };
