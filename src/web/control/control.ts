import { type Context, Hono } from "hono";
import { z } from "zod";
import type { AccountView } from "../../accounts/account-view.ts";
import { type Accounts, EXTENSION_DAYS_MOST, type SignUpError } from "../../accounts/accounts.ts";
import type { Devices } from "../../accounts/devices.ts";
import type { Cash } from "../../billing/cash.ts";
import type { PayPalCheck } from "../../billing/paypal/check.ts";
import type { Refunds } from "../../billing/refunds.ts";
import { COUPON_USES_MOST, VOUCHERS_AT_ONCE_MOST, type Vouchers } from "../../billing/vouchers.ts";
import type { Blocklist } from "../../lib/blocklist.ts";
import type { Log } from "../../lib/event-log.ts";
import type { Result } from "../../lib/result.ts";
import type { InventoryEntry } from "../../store/inventory.ts";
import type { CertificateView } from "../certificates.ts";
import { addCashControl } from "./cash.ts";
import { addDisclosureControl } from "./disclosure.ts";
import { addMailControl, type MailOffice } from "./mail.ts";
import { addPaymentControl, type PaymentDesk } from "./payments.ts";
import { addProfileControl, type ProfileOffice } from "./profiles.ts";
import { addRefundControl } from "./refunds.ts";
import { addServerControl, type ServerOffice } from "./servers.ts";
import { addSupportControl, type SupportOffice } from "./support.ts";

const days = z.int().min(1).max(EXTENSION_DAYS_MOST);
const count = z.int().min(1).max(VOUCHERS_AT_ONCE_MOST);
const vouchersRequest = z.union([
  z.strictObject({ days, count }),
  z.strictObject({
    percent: z.int().min(1).max(100),
    uses: z.int().min(1).max(COUPON_USES_MOST),
    plan: z.string().optional(),
    validDays: z.int().min(1).optional(),
    count,
  }),
]);
const addRequest = z.strictObject({
  name: z.string(),
  password: z.string(),
  email: z.string().optional(),
  days: days.optional(),
});
const nameRequest = z.object({ name: z.string() });
const extendRequest = z.strictObject({ name: z.string(), days });

const SIGN_UP_ERRORS: Record<SignUpError, string> = {
  "name-taken": "There is an account of that name already.",
  "name-invalid": "A username has 3 to 40 letters a to z, digits, dots, dashes and underscores.",
  "password-short": "A password has at least 10 characters.",
  "password-long": "A password has at most 1024 characters.",
  "password-is-name": "The password must not be the username.",
  "email-invalid": "That is no e-mail address.",
};

/** A blocklist, as the office has it. */
export interface BlocklistView {
  list: Blocklist;
  sources: readonly string[];
  /** On the servers, without what a list before it has; undefined: none yet. */
  names?: number | undefined;
  /** UTC seconds. */
  renewed?: number | undefined;
}

/** What came of reading one source. */
export interface BlocklistSourceView {
  list: Blocklist;
  source: string;
  found: number;
  /** Lines that block nothing and are no comment. */
  skipped: number;
  /** Why it was not taken; the list then stays as it was. */
  problem?: string | undefined;
}

export interface BlocklistsRenewed {
  sources: BlocklistSourceView[];
  lists: BlocklistView[];
}

export interface BlocklistOffice {
  view: () => BlocklistView[];
  renew: () => Promise<BlocklistSourceView[]>;
}

/**
 * What the `lethe` command asks the running office: JSON over HTTP on a Unix socket that root and the office's own user
 * alone can open. 200 with an answer, or 400 with `{error}`, a sentence for the operator.
 */
export function createControl(office: {
  accounts: Accounts;
  devices: Pick<Devices, "countOf" | "list">;
  /** To be called when every account has new VPN credentials: what else a server knew that was seized is renewed, too. */
  allRenewed: () => Promise<void>;
  vouchers: Vouchers;
  refunds: Refunds;
  /** Undefined: PayPal is not offered. */
  paypal?: { check(): Promise<PayPalCheck> } | undefined;
  desk?: PaymentDesk;
  /** Undefined: envelopes with cash are not taken. */
  cash?: Cash | undefined;
  /** Whether a plan of that id can be bought. */
  sells: (planId: string) => boolean;
  inventory: readonly InventoryEntry[];
  servers: ServerOffice;
  support: SupportOffice;
  profiles: ProfileOffice;
  mail?: MailOffice | undefined;
  blocklists: BlocklistOffice;
  /** What `lethe certificates` shows, and the time that it is held against (UTC seconds). */
  certificates: () => { certificates: CertificateView[]; nowS: number };
  log: Log;
}): Hono {
  const { accounts, vouchers } = office;
  const app = new Hono();
  const refuse = (c: Context, error: string) => c.json({ error }, 400);
  /** The account that the request names, or the refusal. */
  const named = async (c: Context, use: (account: AccountView, body: unknown) => Promise<Response>) => {
    const body: unknown = await c.req.json();
    const account = await accounts.byName(nameRequest.parse(body).name);
    return account === undefined ? refuse(c, "There is no account of that name.") : use(account, body);
  };
  const shown = async (c: Context, outcome: Promise<Result<AccountView, string>>) => {
    const { ok, ...rest } = await outcome;
    return ok ? c.json((rest as { value: AccountView }).value) : refuse(c, (rest as { error: string }).error);
  };

  app.post("/vouchers", async (c) => {
    const request = vouchersRequest.parse(await c.req.json());
    if ("percent" in request && request.plan !== undefined && !office.sells(request.plan))
      return refuse(c, "There is no plan of that id in lethe.toml.");
    return c.json({ codes: await vouchers.create(request) });
  });
  app.post("/accounts/add", async (c) => {
    const { days, ...input } = addRequest.parse(await c.req.json());
    const made = await accounts.signUp(input);
    if (!made.ok) return refuse(c, SIGN_UP_ERRORS[made.error]);
    return days === undefined ? c.json(made.value) : shown(c, accounts.extend(made.value.id, days));
  });
  app.post("/accounts/show", (c) =>
    named(c, async (account) =>
      // A number: which devices, and where they may be online, is the member's to see.
      c.json({ ...account, devices: await office.devices.countOf(account.id) }),
    ),
  );
  app.post("/accounts/extend", (c) =>
    named(c, (account, body) => {
      if (account.terminated)
        return Promise.resolve(refuse(c, "That account is terminated; reinstate it first."));
      return shown(c, accounts.extend(account.id, extendRequest.parse(body).days));
    }),
  );
  app.post("/accounts/terminate", (c) => named(c, ({ name }) => shown(c, accounts.terminate(name))));
  app.post("/accounts/reinstate", (c) => named(c, ({ name }) => shown(c, accounts.reinstate(name))));
  app.post("/accounts/renew", (c) =>
    named(c, async ({ id }) => {
      await accounts.renewVpnCredentials(id);
      return c.json({ renewed: 1 });
    }),
  );
  app.post("/accounts/renew-all", async (c) => {
    const renewed = await accounts.renewAllVpnCredentials();
    await office.allRenewed();
    return c.json({ renewed });
  });
  app.post("/accounts/delete", (c) =>
    named(c, async (account) => {
      await accounts.remove(account.id);
      return c.json({ deleted: account.name });
    }),
  );
  addDisclosureControl(app, office);
  addServerControl(app, office.servers);
  addSupportControl(app, office.support);
  addProfileControl(app, office.profiles);
  addCashControl(app, office.cash);
  addRefundControl(app, office.refunds, office.paypal);
  if (office.desk !== undefined) addPaymentControl(app, office.desk);
  addMailControl(app, office.mail);
  app.get("/blocklists", (c) => c.json({ lists: office.blocklists.view() }));
  app.post("/blocklists/renew", async (c) => {
    const sources = await office.blocklists.renew();
    return c.json({ sources, lists: office.blocklists.view() } satisfies BlocklistsRenewed);
  });
  app.get("/certificates", (c) => c.json(office.certificates()));
  app.get("/inventory", (c) => c.json({ entries: office.inventory }));

  app.onError((error, c) => {
    if (error instanceof z.ZodError)
      return c.json({ error: "That is not a request of this version of Lethe." }, 400);
    office.log("control-refused", { reason: "other" });
    return c.json({ error: "The office could not do that. Is its disk full?" }, 500);
  });
  return app;
}
