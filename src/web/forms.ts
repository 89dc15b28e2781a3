import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { errorPage } from "./errors.ts";
import { type Html, html } from "./html.ts";
import { PLAIN_ENGLISH, type Say } from "./languages/language.ts";
import type { SiteEnv } from "./options.ts";
import { sameText } from "./session.ts";
import type { Web } from "./web.ts";

/** The paths whose forms a visitor without a session may send. */
const VISITORS = new Set([
  "/sign-up",
  "/log-in",
  "/forgot-password",
  "/reset-password",
  "/confirm-email",
  "/analytics",
  "/contact",
  "/ticket",
  "/ticket/reply",
  "/ticket/close",
  "/order",
  "/order/cash",
  "/receipt",
  "/refund",
]);

/**
 * Whether the browser itself says that the request comes from another site. `Sec-Fetch-Site` is sent to https and
 * loopback addresses only (W3C Fetch Metadata); over plain http `Origin` is what there is, and our own Referrer-Policy
 * turns it into "null" on our own forms (Fetch standard, "append a request Origin header"): then the token decides alone.
 */
function comesFromElsewhere(web: Web, c: Context<SiteEnv>): boolean {
  const site = c.req.header("sec-fetch-site");
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const origin = c.req.header("origin");
  if (origin === undefined || origin === "null") return false;
  if (web.publicUrl !== undefined && origin === web.publicUrl) return false;
  const host = c.req.header("host") ?? "";
  return origin !== `http://${host}` && origin !== `https://${host}`;
}

/**
 * Every request that may change something passes here, before any page's own code: from this site, urlencoded, and with
 * the token of the session (or of the visitor's cookie, for sign-up and log-in). The JSON API and the enrolment of servers take
 * no cookie and stand outside. What passes finds its fields in `c.get("form")`.
 */
export const guardForms =
  (web: Web): MiddlewareHandler<SiteEnv> =>
  async (c, next) => {
    const { method, path } = c.req;
    if (method === "GET" || method === "HEAD" || path.startsWith("/api/") || path === "/enrol") return next();
    // What no page takes goes on to its 404 or 405. (No route takes all methods: a test looks.)
    if (matchedRoutes(c).every(({ method }) => method === "ALL")) return next();
    if (comesFromElsewhere(web, c)) return errorPage(web, c, "form-foreign");
    const type = c.req.header("content-type") ?? "";
    if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) return errorPage(web, c, "form-type");
    const form = new URLSearchParams(await c.req.text());
    const given = form.get("token") ?? "";
    const session = c.get("session");
    const expected = [session?.formToken];
    if (VISITORS.has(c.req.path)) expected.push(web.cookies.expectedVisitorToken(c));
    else if (session === undefined) return c.redirect("/log-in?why=ended", 303);
    if (!expected.some((token) => token !== undefined && sameText(token, given))) {
      return errorPage(web, c, "form-token");
    }
    c.set("form", form);
    return next();
  };

/** The hidden field of a form in the member area. */
export const tokenField = (token: string): Html => html`<input type="hidden" name="token" value="${token}">`;

/** The token for a form that visitors send as well as members. */
export const formToken = (web: Web, c: Context<SiteEnv>): string =>
  c.get("session")?.formToken ?? web.cookies.visitorToken(c);

export interface Field {
  name: string;
  label: string;
  type?: "text" | "password" | "email";
  hint?: string | Html;
  value?: string;
  error?: string | undefined;
  autocomplete: string;
  required?: boolean;
  maxLength?: number;
  /** Sets off the identifier where two forms of one page have a field of one name. */
  idPrefix?: string;
}

/** A labelled input with its hint and its error, tied together for screen readers; label, hint and error are said by `say`. */
export function field(options: Field, say: Say = PLAIN_ENGLISH.say): Html {
  const said = (text: string | Html | undefined) => (typeof text === "string" ? say.text(text) : text);
  const id = `${options.idPrefix ?? ""}${options.name}`;
  const described = [options.hint && `${id}-hint`, options.error && `${id}-error`].filter(Boolean).join(" ");
  const plain = options.type !== "password" && options.type !== "email";
  return html`<div class="field"><label for="${id}">${said(options.label)}${options.required !== true && html` <span class="muted">${say`(optional)`}</span>`}</label>
${options.hint !== undefined && html`<p class="hint" id="${id}-hint">${said(options.hint)}</p>`}
<input id="${id}" name="${options.name}" type="${options.type ?? "text"}" value="${options.value ?? ""}" autocomplete="${options.autocomplete}"${plain && html` autocapitalize="none" spellcheck="false"`}${options.required === true && html` required`}${options.maxLength !== undefined && html` maxlength="${options.maxLength}"`}${described !== "" && html` aria-describedby="${described}"`}${options.error !== undefined && html` aria-invalid="true"`}>
${options.error !== undefined && html`<p class="error" id="${id}-error">${said(options.error)}</p>`}</div>`;
}

export interface Area extends Pick<Field, "name" | "label" | "hint" | "error" | "maxLength"> {
  value: string;
  rows: number;
}

/** A labelled field of several lines, which has to be filled in. */
export function area({ name, label, hint, error, maxLength, value, rows }: Area): Html {
  const described = [hint && `${name}-hint`, error && `${name}-error`].filter(Boolean).join(" ");
  // A line break right after the tag is the browser's (HTML standard, "textarea"): the text may begin with one of its own.
  return html`<div class="field"><label for="${name}">${label}</label>
${hint !== undefined && html`<p class="hint" id="${name}-hint">${hint}</p>`}
<textarea id="${name}" name="${name}" rows="${rows}" required${maxLength !== undefined && html` maxlength="${maxLength}"`}${described !== "" && html` aria-describedby="${described}"`}${error !== undefined && html` aria-invalid="true"`}>
${value}</textarea>
${error !== undefined && html`<p class="error" id="${name}-error">${error}</p>`}</div>`;
}

/** The same of a form with several fields that have to be changed, each with a link to it. `fields`: their names, and what is wrong. */
export const formErrors = (text: string, fields: readonly (readonly [name: string, text: string])[]): Html =>
  html`<div class="notice bad" role="alert"><p>${text}</p>
<ul>${fields.map(([name, problem]) => html`<li><a href="#${name}">${problem}</a></li>`)}</ul></div>`;

/** What went wrong with a form as a whole, read out at once. */
export const formError = (text: string | Html | undefined): Html | undefined =>
  text === undefined ? undefined : html`<div class="notice bad" role="alert"><p>${text}</p></div>`;
