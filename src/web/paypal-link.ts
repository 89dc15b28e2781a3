import type { Web } from "./web.ts";

/** Where PayPal lists what charges somebody by itself. */
const PAYPAL_SUBSCRIPTIONS = "https://www.paypal.com/myaccount/autopay/";

/** Where a subscription is cancelled. A demo leads to its own PayPal: nobody is to look for play money at the real one. */
export const subscriptionsAt = (web: Web): string =>
  web.demo?.find(({ title }) => title.endsWith("PayPal"))?.href ?? PAYPAL_SUBSCRIPTIONS;
