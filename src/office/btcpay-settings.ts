/** What of [btcpay] does not fit together, one entry a key: half of it set would be offered and fail at the first order. */
export function btcpayProblems(btcpay: {
  address: string;
  store: string;
  api_key_file: string;
  webhook_secret_file: string;
  bitcoin: readonly string[];
  monero: readonly string[];
}): { key: string; what: string }[] {
  if (btcpay.address === "") return [];
  const missing = (["store", "api_key_file", "webhook_secret_file"] as const)
    .filter((key) => btcpay[key] === "")
    .map((key) => ({ key, what: `btcpay.${key} must be set where btcpay.address is` }));
  const nothing = btcpay.bitcoin.length === 0 && btcpay.monero.length === 0;
  return nothing
    ? [...missing, { key: "bitcoin", what: "btcpay.bitcoin or btcpay.monero must name a payment method" }]
    : missing;
}
