import type { Hono } from "hono";
import { z } from "zod";
import { type Delivery, FAILURES } from "../../mail/letter.ts";

/** What `lethe mail` asks of the office; undefined where there is no mail server. */
export interface MailOffice {
  test(to: string): Promise<Delivery | "address-invalid">;
  /** Letters in the queue. */
  waiting(): Promise<number>;
}

const testRequest = z.strictObject({ address: z.string().max(300) });
const NO_SERVER = "No mail server is set: name one in [mail] of lethe.toml, then `lethe restart`.";

export function addMailControl(app: Hono, mail: MailOffice | undefined): void {
  app.get("/mail", async (c) =>
    mail === undefined ? c.json({ error: NO_SERVER }, 400) : c.json({ waiting: await mail.waiting() }),
  );
  app.post("/mail/test", async (c) => {
    const { address } = testRequest.parse(await c.req.json());
    if (mail === undefined) return c.json({ error: NO_SERVER }, 400);
    const outcome = await mail.test(address);
    if (outcome === "sent") return c.json({ sent: true });
    const error = outcome === "address-invalid" ? "That is no e-mail address." : FAILURES[outcome];
    return c.json({ error }, 400);
  });
}
