import type { MiddlewareHandler } from "hono";
import { getCookie } from "hono/cookie";
import { html } from "../html.ts";
import { sameText } from "../session.ts";
import { closedPage } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

/** The machine itself, by any port: whoever comes through `ssh -L` may have taken another one. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

/** RFC 6265bis section 4.1.3.1: a browser takes a `__Secure-` cookie over TLS alone. */
export const cookieName = ({ url }: AdminOptions): string => (url === undefined ? "admin" : "__Secure-admin");

/** Browsers that were told that a foreign name is 127.0.0.1 (DNS rebinding) call us by that name, and are turned away. */
export const ownHostOnly =
  (admin: AdminOptions): MiddlewareHandler<AdminEnv> =>
  async (c, next) => {
    const host = c.req.header("host") ?? "";
    const ours =
      admin.url === undefined ? LOOPBACK.test(host) : host.toLowerCase() === new URL(admin.url).host;
    if (ours) return next();
    return c.text(
      "These pages are not called by that name. Open the link that `lethe admin open` prints.\n",
      421,
    );
  };

/** Nothing is shown, and nothing is done, for whoever did not come in by a link. */
export const mustBeIn =
  (admin: AdminOptions): MiddlewareHandler<AdminEnv> =>
  async (c, next) => {
    const visit = admin.visits.of(getCookie(c, cookieName(admin)));
    if (visit === undefined) return notIn(admin, c);
    c.set("visit", visit);
    return next();
  };

export const notIn = (admin: AdminOptions, c: AdminContext): Response =>
  closedPage(admin, c, {
    title: "Closed",
    body: html`<h1>Closed</h1>
<p class="lead">These pages are opened from the office’s own command line:</p>
<pre><code>lethe admin open</code></pre>
<p>The link that it prints is good once, for five minutes. A visit ends after eight hours, after an hour without a page, and when the office starts anew.</p>`,
    status: 401,
  });

/** Whether a form was sent from our own pages, as far as the browser says. */
export function sentFromHere({ url }: AdminOptions, c: AdminContext): boolean {
  const site = c.req.header("sec-fetch-site");
  // `same-site` is another port of this machine, and not us.
  if (site !== undefined && site !== "same-origin") return false;
  const origin = c.req.header("origin");
  if (origin === undefined) return true;
  if (origin === "null") return site === "same-origin";
  return origin === (url ?? `http://${c.req.header("host")}`);
}

export const isForm = (c: AdminContext): boolean =>
  /^application\/x-www-form-urlencoded\s*(;|$)/i.test(c.req.header("content-type") ?? "");

/** Every request that may change something passes here: from our own pages, urlencoded, with the visit's token. */
export const guardAdminForms =
  (admin: AdminOptions): MiddlewareHandler<AdminEnv> =>
  async (c, next) => {
    if (c.req.method === "GET" || c.req.method === "HEAD") return next();
    const form = isForm(c) ? new URLSearchParams(await c.req.text()) : undefined;
    const token = form?.get("token") ?? "";
    if (form === undefined || !sentFromHere(admin, c) || !sameText(token, c.get("visit").formToken))
      return closedPage(admin, c, {
        title: "Not carried out",
        body: html`<h1>Not carried out</h1><p>This was not sent by a form of this visit. Nothing was changed. <a href="overview">Go to the overview</a></p>`,
        status: 403,
      });
    c.set("form", form);
    return next();
  };
