/** What of [paypal] does not fit together, one entry a key: half of it set would be offered and fail at the first order. */
export function paypalProblems(paypal: {
  client_id: string;
  secret_file: string;
  webhook_id: string;
}): { key: string; what: string }[] {
  if (paypal.client_id === "") return [];
  return (["secret_file", "webhook_id"] as const)
    .filter((key) => paypal[key] === "")
    .map((key) => ({ key, what: `paypal.${key} must be set where paypal.client_id is` }));
}
