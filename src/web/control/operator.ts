import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Accounts } from "../../accounts/accounts.ts";
import type { Vouchers } from "../../billing/vouchers.ts";
import type { Result } from "../../lib/result.ts";
import type { PaymentMethod } from "../../policy/methods.ts";
import { SWITCHES, type Switch, type Switches } from "../../store/switches.ts";
import {
  ANNOUNCED_DAYS_MOST,
  type Announcement,
  type AnnouncementError,
  type Announcements,
  TEXT_CHARACTERS_MOST,
  TITLE_CHARACTERS_MOST,
} from "../../support/announcements.ts";

/** A switch as `lethe switch list` shows it. */
export interface SwitchView {
  name: Switch;
  on: boolean;
  /** A way to pay that lethe.toml does not set up is not offered, whatever its switch says. */
  setUp: boolean;
}

/** The door to the admin pages (office/admin-door.ts). */
export interface AdminEntrance {
  /** A new one-time link, and for how long it is good; a sentence where the pages cannot be opened. */
  open(): Promise<Result<{ url: string; minutes: number }, string>>;
  /** Ends every visit and every link. How many visits that were. */
  closeAll(): Promise<number>;
}

export interface OperatorOffice {
  switches: Switches;
  /** The ways to pay that lethe.toml sets up and leaves in, gift cards and coupons included. */
  methods: readonly PaymentMethod[];
  announcements: Announcements;
  vouchers: Pick<Vouchers, "counts">;
  accounts: Pick<Accounts, "byVpnUsername">;
  admin: AdminEntrance;
}

const switchRequest = z.strictObject({ name: z.string(), on: z.boolean() });
const postRequest = z.strictObject({ title: z.string(), text: z.string(), days: z.number().optional() });
const idRequest = z.strictObject({ id: z.string() });
const findRequest = z.strictObject({ vpnUsername: z.string() });

const ANNOUNCEMENT_ERRORS: Record<AnnouncementError, string> = {
  "title-invalid": `A title has 1 to ${TITLE_CHARACTERS_MOST} characters on one line.`,
  "text-invalid": `A text has 1 to ${TEXT_CHARACTERS_MOST} characters, and no control characters.`,
  "days-invalid": `The days are a whole number from 1 to ${ANNOUNCED_DAYS_MOST}.`,
};

/** The part of the control API that is about switches, announcements and the admin pages; errors as in control.ts. */
export function addOperatorControl(app: Hono, office: OperatorOffice): void {
  const refuse = (c: Context, error: string) => c.json({ error }, 400);
  const { switches, announcements } = office;

  const switchViews = async (): Promise<SwitchView[]> => {
    const off = await switches.off();
    return SWITCHES.map((name) => ({
      name,
      on: !off.has(name),
      setUp: name === "sign-up" || name === "buying" || office.methods.includes(name),
    }));
  };
  app.get("/switches", async (c) => c.json({ switches: await switchViews() }));
  app.post("/switches", async (c) => {
    const { name, on } = switchRequest.parse(await c.req.json());
    const known = SWITCHES.find((each) => each === name);
    if (known === undefined)
      return refuse(c, `There is no switch of that name; there are ${SWITCHES.join(", ")}.`);
    await switches.set(known, on);
    return c.json({ switches: await switchViews() });
  });

  app.get("/announcements", async (c) =>
    c.json({ announcements: (await announcements.list()) satisfies Announcement[] }),
  );
  app.post("/announcements/post", async (c) => {
    const posted = await announcements.post(postRequest.parse(await c.req.json()));
    return posted.ok ? c.json(posted.value) : refuse(c, ANNOUNCEMENT_ERRORS[posted.error]);
  });
  app.post("/announcements/remove", async (c) => {
    const { id } = idRequest.parse(await c.req.json());
    return (await announcements.remove(id))
      ? c.json({ removed: id })
      : refuse(c, "There is no such announcement; `lethe announce list` shows them all.");
  });

  app.get("/vouchers/counts", async (c) => c.json(await office.vouchers.counts()));
  // Whose VPN credentials somebody has published, so that they can be cut off.
  app.post("/accounts/find", async (c) => {
    const { vpnUsername } = findRequest.parse(await c.req.json());
    const account = await office.accounts.byVpnUsername(vpnUsername);
    return account === undefined
      ? refuse(c, "No account has that VPN username. It may have been renewed since.")
      : c.json(account);
  });

  app.post("/admin/open", async (c) => {
    const opened = await office.admin.open();
    return opened.ok ? c.json(opened.value) : refuse(c, opened.error);
  });
  app.post("/admin/close", async (c) => c.json({ ended: await office.admin.closeAll() }));
}
