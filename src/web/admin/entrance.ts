import type { Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { html } from "../html.ts";
import { cookieName, isForm, notIn, sentFromHere } from "./guard.ts";
import { closedPage } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

/**
 * The way in. The link's code stands behind its `#`, which browsers send to nobody; the page's script puts it into the form, and without
 * JavaScript it is typed or pasted there. Only the form's POST uses it up: what looks a link up beforehand does not.
 */
export function addEntrance(app: Hono<AdminEnv>, inside: Hono<AdminEnv>, admin: AdminOptions): void {
  const attributes = {
    path: admin.base,
    httpOnly: true,
    sameSite: "Strict",
    secure: admin.url !== undefined,
  } as const;

  const entrance = (c: AdminContext, error?: string): Response =>
    closedPage(admin, c, {
      title: error === undefined ? "Open the administration" : "Error: open the administration",
      body: html`<h1>Open the administration</h1>
<div class="narrow"><form class="panel" method="post" action="/open">
<div class="field"><label for="code">Code</label>
<p class="hint" id="code-hint">What stands behind the # in the link that <code>lethe admin open</code> printed.</p>
<input id="code" name="code" type="password" autocomplete="off" required aria-describedby="code-hint${error !== undefined && html` code-error`}"${error !== undefined && html` aria-invalid="true"`}>
${error !== undefined && html`<p class="error" id="code-error">${error}</p>`}</div>
<button class="button">Open</button>
</form></div>`,
      script: "admin-open.js",
      status: error === undefined ? 200 : 403,
    });

  app.get("/", (c) => notIn(admin, c));
  app.get("/open", (c) => entrance(c));
  app.post("/open", async (c) => {
    if (!isForm(c) || !sentFromHere(admin, c)) return entrance(c, "This was not sent by this page.");
    const code = new URLSearchParams(await c.req.text()).get("code") ?? "";
    const text = admin.visits.enter(code);
    if (text === undefined)
      return entrance(c, "This code is not good: each is good once, for five minutes. Have a new one made.");
    setCookie(c, cookieName(admin), text, attributes);
    return c.redirect(`${admin.base}/overview`, 303);
  });
  inside.post("/leave", (c) => {
    admin.visits.leave(getCookie(c, cookieName(admin)));
    deleteCookie(c, cookieName(admin), attributes);
    return c.redirect("/open", 303);
  });
}
