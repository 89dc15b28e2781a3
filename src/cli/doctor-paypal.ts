import type { PayPalCheck } from "../billing/paypal/check.ts";
import type { Config } from "../office/config.ts";
import { dataFolder } from "../office/folders.ts";
import { askOffice } from "./control-client.ts";
import { bad, type Finding, good, note } from "./finding.ts";

/** What a running office hears from PayPal about [paypal]; nothing where it is not offered. The office asks, and not root. */
export async function checkPaypal(dataRoot: string, { paypal }: Config): Promise<Finding[]> {
  if (paypal.client_id === "") return [];
  const { controlSocket } = dataFolder(dataRoot);
  const answer = await askOffice<{ check: PayPalCheck | null }>(controlSocket, "GET", "/paypal").catch(
    () => undefined,
  );
  if (answer === undefined || answer.check === null)
    return [note("paypal", "PayPal was not asked: Lethe does not run with these settings", "npm start")];
  return [findingOf(answer.check)];
}

function findingOf(check: PayPalCheck): Finding {
  switch (check.state) {
    case "good":
      return good("paypal", "PayPal takes the client id and sends the webhook all that it should");
    case "unavailable":
      return bad(
        "paypal",
        "PayPal does not answer",
        "let this machine connect out by https, and look at paypal.api",
      );
    case "credentials":
      return bad(
        "paypal",
        "PayPal does not take client id and secret",
        "correct paypal.client_id and the file of paypal.secret_file; a sandbox's are for the sandbox alone (paypal.api)",
      );
    case "webhook-unknown":
      return bad(
        "paypal",
        "PayPal knows no webhook of that id with this app",
        "correct paypal.webhook_id: without it no event of PayPal's is believed, and subscriptions do not renew",
      );
    case "webhook-elsewhere":
      return bad("paypal", "the webhook leads elsewhere", `at PayPal, let it lead to ${check.wanted}`);
    case "events-missing":
      return bad(
        "paypal",
        `the webhook lacks ${check.events.join(", ")}`,
        "at PayPal, subscribe it to these events, or to all",
      );
  }
}
