const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

const pageOf = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Simulated BTCPay Server</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
.banner{background:#5b2c8f;color:#fff;padding:.6rem 1rem;margin:0 0 1rem}button{font:inherit;padding:.4rem .9rem;margin:.2rem 0;min-width:16rem}
dt{font-weight:600}dd{margin:0 0 .5rem;overflow-wrap:anywhere}</style></head>
<body><p class="banner">A simulated BTCPay Server. No coin moves.</p>
<main><h1>${escaped(title)}</h1>
${body}
</main></body></html>
`;

/** All invoices, the newest first. */
export function invoicesPage(
  invoices: readonly {
    id: string;
    amount: string;
    currency: string;
    status: string;
    additionalStatus: string;
  }[],
): string {
  const rows = invoices.map(
    ({ id, amount, currency, status, additionalStatus }) =>
      `<li><a href="/i/${id}">${escaped(`${amount} ${currency}`)}</a>: ${status}${additionalStatus === "None" ? "" : ` (${additionalStatus})`}</li>`,
  );
  return pageOf("Invoices", rows.length === 0 ? "<p>None yet.</p>" : `<ul>${rows.join("")}</ul>`);
}

/** The page of an invoice, with a button for each thing that a buyer, the block chain or the clock can do. */
export function checkoutPage(invoice: {
  id: string;
  amount: string;
  currency: string;
  status: string;
  additionalStatus: string;
  metadata: Record<string, unknown>;
  methods: readonly string[];
  due: string;
  back: string | undefined;
}): string {
  const { id, status, additionalStatus } = invoice;
  const button = (action: string, label: string) =>
    `<form method="post" action="/i/${id}/${action}"><button>${escaped(label)}</button></form>`;
  const open = status === "New" || status === "Expired";
  const buttons = [
    ...(open ? [button("pay", "Pay in full")] : []),
    ...(open ? [button("pay-half", "Pay half"), button("pay-double", "Pay twice as much")] : []),
    ...(status === "New" ? [button("expire", "Let its time run out")] : []),
    ...(status === "Processing" || additionalStatus === "PaidLate"
      ? [button("confirm", "Confirm the payment")]
      : []),
  ];
  return pageOf(
    String(invoice.metadata.itemDesc ?? "Invoice"),
    `<dl><dt>To pay</dt><dd>${escaped(invoice.due)} (${escaped(`${invoice.amount} ${invoice.currency}`)})</dd>
<dt>By</dt><dd>${escaped(invoice.methods.join(", "))}</dd>
<dt>Status</dt><dd>${escaped(status)}${additionalStatus === "None" ? "" : ` (${escaped(additionalStatus)})`}</dd></dl>
${buttons.join("\n")}
${status === "Processing" ? "<p>It counts in the shop once it is confirmed. A real chain takes its time for that; here you press the button.</p>\n" : ""}${invoice.back === undefined ? "" : `<p><a href="${escaped(invoice.back)}">Return to the shop</a></p>`}
<p><a href="/">All invoices</a></p>`,
  );
}
