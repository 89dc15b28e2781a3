import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BtcpaySimulator } from "./btcpay.ts";
import { startPayPal } from "./paypal.ts";
import { type ReceivedLetter, startSmtp } from "./smtp.ts";

/**
 * The world of `lethe up --demo`, a process of its own: a PayPal, a BTCPay Server and a mail server, with pages for whoever plays
 * the buyer. It ends with the process that started it.
 */
process.once("message", (message) => {
  const { site, user } = message as { site: string; user?: { uid: number; gid: number } };
  // The code is loaded: root is of no use from here on.
  if (user !== undefined) {
    process.setgroups!([]);
    process.setgid!(user.gid);
    process.setuid!(user.uid);
  }
  void start(site);
});
process.once("disconnect", () => process.exit(0));
// Ctrl-C reaches the whole terminal; whoever started us says when to end.
process.on("SIGINT", () => {});

async function start(site: string): Promise<void> {
  const paypal = await startPayPal({ webhookUrl: `${site}/webhooks/paypal` });
  const webhookSecret = randomBytes(20).toString("hex");
  const btcpay = await new BtcpaySimulator({
    webhook: { url: `${site}/webhooks/btcpay`, secret: webhookSecret },
    redeliverMs: [1000, 3000, 10_000, 30_000],
  }).start();
  const smtp = await startSmtp();
  const inbox = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(inboxPage(smtp.letters));
  });
  await new Promise<void>((resolve) => inbox.listen(0, "127.0.0.1", resolve));
  process.once("exit", () => paypal.authority.close());
  process.once("SIGTERM", () => process.exit(0));
  process.send?.({
    paypal: {
      address: paypal.url,
      roots: [paypal.authority.root],
      clientId: paypal.clientId,
      secret: paypal.secret,
      webhookId: paypal.webhookId,
    },
    btcpay: { address: btcpay.address, store: btcpay.store, apiKey: btcpay.apiKey, webhookSecret },
    mail: { port: smtp.port, address: `http://127.0.0.1:${(inbox.address() as AddressInfo).port}` },
  });
}

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

/** The letters, the newest first, with their links to be clicked. */
function inboxPage(letters: readonly ReceivedLetter[]): string {
  const subjectOf = ({ headers }: ReceivedLetter) =>
    headers.find(([name]) => name.toLowerCase() === "subject")?.[1] ?? "";
  const linked = (text: string) =>
    escaped(text).replace(/https?:\/\/127\.0\.0\.1[^\s<]*/g, (url) => `<a href="${url}">${url}</a>`);
  const shown = letters
    .toReversed()
    .map(
      (letter) =>
        `<article><h2>${escaped(subjectOf(letter))}</h2><p>To ${escaped(letter.to.join(", "))}</p><pre>${linked(letter.text)}</pre></article>`,
    );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mail that was sent</title>
<style>body{font:1rem/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f2f2f2;padding:1rem}</style></head>
<body><main><h1>Mail that was sent</h1>
${shown.length === 0 ? "<p>None yet. Load the page again when there should be some.</p>" : shown.join("\n")}
</main></body></html>
`;
}
