import type { Hono } from "hono";
import { z } from "zod";
import type { Accounts } from "../../accounts/accounts.ts";
import type { Devices } from "../../accounts/devices.ts";
import { disclosure } from "../../policy/disclosure.ts";

const request = z.strictObject({ name: z.string().max(200) });

export interface Disclosed {
  known: boolean;
  /** The answer as it can be sent on. */
  lines: string[];
}

/**
 * `lethe disclose`: all that is stored about an account, for the answer to a lawful request. That there is no such account is an
 * answer, too, and no error.
 */
export function addDisclosureControl(
  app: Hono,
  office: { accounts: Pick<Accounts, "byName">; devices: Pick<Devices, "list"> },
): void {
  app.post("/accounts/disclose", async (c) => {
    const { name } = request.parse(await c.req.json());
    const account = await office.accounts.byName(name);
    const devices = account === undefined ? [] : await office.devices.list(account.id);
    const lines = disclosure(name, account && { ...account, devices });
    return c.json({ known: account !== undefined, lines } satisfies Disclosed);
  });
}
