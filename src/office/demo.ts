import type { CertificateSource } from "../billing/paypal/certificates.ts";
import type { DemoStart } from "./messages.ts";

/**
 * Where a demo's office gets the certificates of PayPal's webhooks: whatever address is named, they are asked of the simulated
 * PayPal on this machine, and lead to its roots and to no others.
 */
export function demoCertificates({ paypal: { address, roots } }: DemoStart): CertificateSource {
  return {
    fetch: (input, init) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      return fetch(new URL(pathname, address), init);
    },
    roots,
  };
}
