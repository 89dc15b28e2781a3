import { Hono } from "hono";
import { z } from "zod";
import { type Accounts, EXTENSION_DAYS_MOST } from "../accounts/accounts.ts";
import { VOUCHERS_AT_ONCE_MOST, type Vouchers } from "../billing/vouchers.ts";
import type { Log } from "../lib/event-log.ts";
import { type InventoryEntry } from "../store/inventory.ts";

/**
 * What the `lethe` command asks the running office: JSON over HTTP on a Unix socket that root and the office's own user
 * alone can open. 200 with an answer, or 400 with `{error}`, a sentence for the operator.
 */
export function createControl(office: {
  accounts: Accounts;
  vouchers: Vouchers;
  inventory: readonly InventoryEntry[];
  log: Log;
}): Hono {
  const { accounts, vouchers } = office;
  const app = new Hono();
  const vouchersRequest = z.strictObject({
    days: z.int().min(1).max(EXTENSION_DAYS_MOST),
    count: z.int().min(1).max(VOUCHERS_AT_ONCE_MOST),
  });
  const nameRequest = z.strictObject({ name: z.string() });
  const renewRequest = z.union([nameRequest, z.strictObject({ all: z.literal(true) })]);
  const unknown = "There is no account of that name.";

  app.post("/vouchers", async (c) => {
    const request = vouchersRequest.parse(await c.req.json());
    return c.json({ codes: await vouchers.create(request) });
  });
  app.post("/accounts/terminate", async (c) => {
    const { name } = nameRequest.parse(await c.req.json());
    const outcome = await accounts.terminate(name);
    return outcome.ok ? c.json({}) : c.json({ error: unknown }, 400);
  });
  app.post("/accounts/reinstate", async (c) => {
    const { name } = nameRequest.parse(await c.req.json());
    const outcome = await accounts.reinstate(name);
    return outcome.ok ? c.json({}) : c.json({ error: unknown }, 400);
  });
  app.post("/accounts/renew", async (c) => {
    const request = renewRequest.parse(await c.req.json());
    if ("all" in request) return c.json({ renewed: await accounts.renewAllVpnCredentials() });
    const account = await accounts.byName(request.name);
    const outcome = account && (await accounts.renewVpnCredentials(account.id));
    return outcome?.ok ? c.json({ renewed: 1 }) : c.json({ error: unknown }, 400);
  });
  app.get("/inventory", (c) => c.json({ entries: office.inventory }));

  app.onError((error, c) => {
    if (error instanceof z.ZodError)
      return c.json({ error: "That is not a request of this version of Lethe." }, 400);
    office.log("control-refused", { reason: "other" });
    return c.json({ error: "The office could not do that. Is its disk full?" }, 500);
  });
  return app;
}
