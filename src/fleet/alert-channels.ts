import { runCommand } from "../lib/run-command.ts";
import type { Alert, AlertChannel } from "./alerts.ts";

const TIMEOUT_MS = 10_000;
const REDIRECTS_MOST = 3;
/** What keeps the method and the body (RFC 9110, 15.4.8 and 15.4.9); any other would turn the alert into a question. */
const REDIRECTS_THAT_POST = [307, 308];

/**
 * Posts the alert as JSON. Told when the answer is a success (2xx). Redirects are followed within the scheme of the address
 * alone: one from https to http would send the alert, and the address's own secret, in the clear.
 */
export function webhook(address: string, timeoutMs = TIMEOUT_MS): AlertChannel {
  return {
    name: "webhook",
    async send(alert) {
      const signal = AbortSignal.timeout(timeoutMs);
      let url = new URL(address);
      for (let redirects = 0; redirects <= REDIRECTS_MOST; redirects++) {
        const answer = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(alert),
          redirect: "manual",
          signal,
        });
        // What it says is of no interest, and may be long.
        await answer.body?.cancel();
        const location = answer.headers.get("location");
        if (!REDIRECTS_THAT_POST.includes(answer.status) || location === null) return answer.ok;
        const next = new URL(location, url);
        if (next.protocol !== url.protocol) return false;
        url = next;
      }
      return false;
    },
  };
}

/** Runs a program with the alert as one line of JSON on its standard input. Told when it ends with 0. */
export function command(argv: readonly string[], timeoutMs = TIMEOUT_MS): AlertChannel {
  return {
    name: "command",
    async send(alert: Alert) {
      return (await runCommand(argv, { input: `${JSON.stringify(alert)}\n`, timeoutMs })).code === 0;
    },
  };
}
