import type { Amount, Order, State, Subscription } from "./paypal-state.ts";

/** What a buyer does on the page of their own account there. */
export type BuyerAction = "cancel" | "charge" | "dispute";

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

const priceOf = ({ value, currency_code }: Amount): string => escaped(`${value} ${currency_code}`);

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>body{font:1rem/1.5 sans-serif;max-width:36rem;margin:2rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem;margin:.25rem 0}table{border-spacing:.5rem}</style>
</head><body><p><strong>Play PayPal</strong>: a simulator. No money moves.</p>
<h1>${title}</h1>
${body}
</body></html>
`;

const button = (action: string, label: string, id = ""): string =>
  `<form method="post"><input type="hidden" name="id" value="${escaped(id)}"><button name="action" value="${action}">${label}</button></form>`;

/** Where the shop sends the buyer. */
export function approvalPage(bought: Order | Subscription): string {
  const price = "plan" in bought ? bought.plan.price : bought.amount;
  const what = "plan" in bought ? `${bought.plan.name}, every ${bought.plan.days} days` : bought.description;
  const waits = bought.status === "PAYER_ACTION_REQUIRED" || bought.status === "APPROVAL_PENDING";
  const choice = waits
    ? [
        button("pay", `Pay ${priceOf(price)}`),
        button("leave", "Pay, and close the window without going back"),
        button("cancel", "Cancel and go back"),
      ].join("\n")
    : `<p>Nothing to do here: ${bought.status}.</p>`;
  return page(`Pay ${escaped(bought.brand)}`, `<p>${escaped(what)}: ${priceOf(price)}</p>\n${choice}`);
}

/** The buyer's own account at PayPal: what they paid, and what goes on being charged. */
export function buyerPage(state: State): string {
  const subscriptions = [...state.subscriptions.values()].map(
    ({ id, status, brand, plan, sales }) =>
      `<tr><td>${escaped(brand)}</td><td>${priceOf(plan.price)} every ${plan.days} days, ${sales.length} paid</td><td>${status}</td><td>${
        status === "ACTIVE"
          ? button("cancel", "Cancel it", id) + button("charge", "Let the next period begin", id)
          : ""
      }</td></tr>`,
  );
  const payments = [...state.orders.values()].flatMap(({ brand, captures }) =>
    captures.map(
      ({ id, amount, status }) =>
        `<tr><td>${escaped(brand)}</td><td>${priceOf(amount)}</td><td>${status}</td><td>${
          status === "COMPLETED" ? button("dispute", "Have the bank take it back", id) : ""
        }</td></tr>`,
    ),
  );
  return page(
    "Your account",
    `<h2>Automatic payments</h2><table>${subscriptions.join("")}</table><h2>Payments</h2><table>${payments.join("")}</table>`,
  );
}
