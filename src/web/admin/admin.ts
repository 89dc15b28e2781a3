import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { StoreError, toStoreError } from "../../store/errors.ts";
import { addAssets, markAsset } from "../assets.ts";
import { securityHeaders } from "../headers.ts";
import { html } from "../html.ts";
import { addAccounts } from "./accounts.ts";
import { addAnnouncementsAdmin } from "./announcements.ts";
import { adminFiles } from "./assets.ts";
import { addBlocklistsAdmin } from "./blocklists.ts";
import { addCashAdmin } from "./cash.ts";
import { addEntrance } from "./entrance.ts";
import { guardAdminForms, mustBeIn, ownHostOnly } from "./guard.ts";
import { closedPage } from "./layout.ts";
import type { AdminEnv, AdminOptions } from "./options.ts";
import { addOverview } from "./overview.ts";
import { addRefunds } from "./refunds.ts";
import { addServers } from "./servers.ts";
import { addSwitches } from "./switches.ts";
import { addTickets } from "./tickets.ts";
import { addVouchers } from "./vouchers.ts";

/** An announcement of 10,000 characters, each of which may take nine bytes in a form. */
const BODY_BYTES_MOST = 128 * 1024;

/**
 * The admin pages: an application of their own, on a listener of their own, which the site knows nothing of. Read it top-down: what
 * stands first holds for all pages.
 *
 * They stand below a random path because a cookie is sent to every port of a host (RFC 6265 section 8.5): what else the operator
 * visits on 127.0.0.1, where anybody on the machine may listen, does not know the path and so never sees the cookie.
 */
export function createAdmin(admin: AdminOptions): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use(securityHeaders(admin.url !== undefined));
  app.use(async (c, next) => {
    await next();
    // With the site's "no-referrer" a browser says "null" for the origin of our own forms, too (Fetch standard).
    c.header("referrer-policy", "same-origin");
  });
  app.use(ownHostOnly(admin));
  app.use(
    bodyLimit({
      maxSize: BODY_BYTES_MOST,
      onError: (c) =>
        closedPage(admin, c, {
          title: "Too much text",
          body: html`<h1>Too much text</h1><p>What was sent is larger than any form here can be. Nothing was changed.</p>`,
          status: 413,
        }),
    }),
  );
  addAssets(app, adminFiles, markAsset);

  const inside = new Hono<AdminEnv>();
  inside.use(mustBeIn(admin));
  inside.use(guardAdminForms(admin));
  addEntrance(app, inside, admin);
  addOverview(inside, admin);
  addServers(inside, admin);
  addAccounts(inside, admin);
  addVouchers(inside, admin);
  addCashAdmin(inside, admin);
  addRefunds(inside, admin);
  addTickets(inside, admin);
  addAnnouncementsAdmin(inside, admin);
  addBlocklistsAdmin(inside, admin);
  addSwitches(inside, admin);
  app.route(admin.base, inside);

  app.notFound((c) =>
    closedPage(admin, c, {
      title: "Page not found",
      body: html`<h1>Page not found</h1><p>There is no page at this address.</p>`,
      status: 404,
    }),
  );
  app.onError((error, c) => {
    // The error may quote what was sent: it goes nowhere, neither to the page nor to the log.
    const unwritable = toStoreError(error) instanceof StoreError;
    admin.log(unwritable ? "store-unwritable" : "internal-error", { part: "admin" });
    const body = html`<h1>Something went wrong</h1>
<p>${unwritable ? "The disk is full or does not answer. Nothing was changed." : "The page could not be made. What the office prints where it was started may say more."}</p>`;
    return closedPage(admin, c, { title: "Error", body, status: unwritable ? 503 : 500 });
  });
  return app;
}
