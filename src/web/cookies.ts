import { randomBytes } from "node:crypto";
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { SiteEnv } from "./options.ts";
import type { Session, SessionSeal } from "./session.ts";

/**
 * The site's two cookies, both gone when the browser is closed: the sealed session of a member, and, on the sign-up and
 * log-in pages, a random text that ties the form to the browser it was shown in.
 */
export interface Cookies {
  session(c: Context<SiteEnv>): Session | undefined;
  logIn(c: Context<SiteEnv>, session: Session): void;
  logOut(c: Context<SiteEnv>): void;
  /** The form token of this visitor; sets the cookie where there is none. */
  visitorToken(c: Context<SiteEnv>): string;
  /** The token that a visitor's form must bear; undefined where the browser sent no such cookie. */
  expectedVisitorToken(c: Context<SiteEnv>): string | undefined;
}

/** RFC 6265bis section 4.1.3.2: a browser takes a `__Host-` cookie only from this very host, over TLS, for the whole path. */
export function makeCookies(seal: SessionSeal, secure: boolean): Cookies {
  const prefix = secure ? "__Host-" : "";
  const sessionName = `${prefix}session`;
  const visitorName = `${prefix}form`;
  // Lax: a link from elsewhere into the member area finds the member logged in; a form from elsewhere does not.
  const attributes = { path: "/", httpOnly: true, sameSite: "Lax", secure } as const;
  return {
    session: (c) => seal.open("cookie", getCookie(c, sessionName)),
    logIn: (c, session) => setCookie(c, sessionName, seal.seal("cookie", session), attributes),
    logOut: (c) => {
      deleteCookie(c, sessionName, attributes);
    },
    visitorToken: (c) => {
      let text = getCookie(c, visitorName);
      if (text === undefined || !/^[\w-]{22}$/.test(text)) {
        text = randomBytes(16).toString("base64url");
        setCookie(c, visitorName, text, attributes);
      }
      return seal.visitorToken(text);
    },
    expectedVisitorToken: (c) => {
      const text = getCookie(c, visitorName);
      return text === undefined ? undefined : seal.visitorToken(text);
    },
  };
}
