import { type KeyObject, X509Certificate } from "node:crypto";
import { getCACertificates } from "node:tls";
import type { Clock } from "../../lib/clock.ts";
import { LeakyBuckets } from "../../lib/leaky-buckets.ts";
import { openssl } from "../../lib/openssl.ts";
import { fail, ok, type Result } from "../../lib/result.ts";

/**
 * `foreign`: not an address that PayPal serves its webhooks' certificates at. `untrusted`: what stands there leads to no root that
 * this machine trusts, is out of date, or is another name's. `unavailable`: it could not be fetched now.
 */
export type CertificateProblem = "foreign" | "untrusted" | "unavailable";

/** Which of PayPal's two worlds is spoken to. A sandbox is open to everybody: its events are none of the live one's. */
export type PayPalWorld = "live" | "sandbox";

/**
 * Where the certificates of webhooks may come from, and the name that they must have. Nothing here is a setting: whoever could
 * widen it could sign payments ("Integrate webhooks" names these hosts; the names are those of PayPal's certificates).
 */
const WORLDS: Record<PayPalWorld, { hosts: readonly string[]; name: string }> = {
  live: {
    hosts: ["api.paypal.com", "api-m.paypal.com"],
    name: "messageverificationcerts.paypal.com",
  },
  sandbox: {
    hosts: ["api.sandbox.paypal.com", "api-m.sandbox.paypal.com"],
    name: "messageverificationcerts.sandbox.paypal.com",
  },
};
const PATH = /^\/v1\/notifications\/certs\/[A-Za-z0-9_-]{1,100}$/;

const FETCH_TIMEOUT_MS = 10_000;
const BYTES_MOST = 64 * 1024;
/** A certificate is looked at anew after so long, in case it was replaced. */
const KEPT_MS = 6 * 3_600_000;
/** After a failure the same address is left alone for so long: a flood of forged events makes no flood of requests. */
const FAILED_MS = 30_000;
/** PayPal has a handful at a time. */
const KEPT_MOST = 16;
/**
 * Anybody can write an address of PayPal's into a request: for each network so many that we do not know are looked at in one go, and
 * then one in so long. PayPal delivers what is put off once more.
 */
const LOOKS_BURST = 8;
const LOOK_EACH_MS = 10_000;

/** What outside the settings may be put in its place: by tests and the demo, which have a PayPal of their own. */
export interface CertificateSource {
  fetch: typeof fetch;
  /** PEM of each root that is trusted. */
  roots: readonly string[];
}

interface Kept {
  key: Promise<Result<KeyObject, CertificateProblem>>;
  untilMs: number;
  /** It was trusted once. */
  good: boolean;
}

/** The public keys that PayPal signs its webhooks with, each checked up to a root of this machine (RFC 5280) before it is used. */
export class WebhookCertificates {
  readonly #world: (typeof WORLDS)[PayPalWorld];
  readonly #clock: Clock;
  readonly #source: CertificateSource;
  readonly #kept = new Map<string, Kept>();
  readonly #looks: LeakyBuckets;

  constructor(options: { world: PayPalWorld; clock: Clock; source?: CertificateSource | undefined }) {
    this.#world = WORLDS[options.world];
    this.#clock = options.clock;
    this.#looks = new LeakyBuckets({ clock: options.clock, burst: LOOKS_BURST, oneEachMs: LOOK_EACH_MS });
    this.#source = options.source ?? { fetch, roots: getCACertificates("default") };
  }

  /** The key at the address that an event names in PAYPAL-CERT-URL. `from`: the network that asks for it. */
  keyAt(certUrl: string, from = ""): Promise<Result<KeyObject, CertificateProblem>> {
    if (!this.#isPayPals(certUrl)) return Promise.resolve(fail("foreign"));
    const now = this.#clock.monotonic();
    const kept = this.#kept.get(certUrl);
    if (kept !== undefined && kept.untilMs > now) return kept.key;
    // One that was good is looked at anew whoever asks.
    if (kept?.good !== true && this.#looks.take(from) === undefined)
      return Promise.resolve(fail("unavailable"));
    if (this.#kept.size >= KEPT_MOST)
      for (const [address, { good }] of this.#kept) if (!good) this.#kept.delete(address);
    if (this.#kept.size >= KEPT_MOST) this.#kept.clear();
    const entry: Kept = { key: this.#look(certUrl), untilMs: now + KEPT_MS, good: kept?.good === true };
    this.#kept.set(certUrl, entry);
    void entry.key.then(({ ok }) => {
      if (ok) entry.good = true;
      else entry.untilMs = this.#clock.monotonic() + FAILED_MS;
    });
    return entry.key;
  }

  #isPayPals(text: string): boolean {
    if (text.length > 500 || !URL.canParse(text)) return false;
    const url = new URL(text);
    return (
      url.protocol === "https:" &&
      url.port === "" &&
      url.username === "" &&
      url.password === "" &&
      this.#world.hosts.includes(url.hostname) &&
      PATH.test(url.pathname) &&
      url.search === "" &&
      url.hash === "" &&
      // What was read is what was written: no other spelling of the same.
      url.href === text
    );
  }

  async #look(certUrl: string): Promise<Result<KeyObject, CertificateProblem>> {
    const served = await this.#get(certUrl);
    if (served === undefined) return fail("unavailable");
    const [leaf, ...others] = certificatesIn(served);
    if (leaf === undefined) return fail("untrusted");
    // PayPal's files hold the certificate alone, without the authority's own between it and the root.
    const issuer = others.length === 0 ? await this.#issuerOf(leaf) : undefined;
    if (issuer === "unavailable") return fail("unavailable");
    const between = issuer === undefined ? others : [issuer];
    return this.#leadsToRoot(leaf, between) ? ok(leaf.publicKey) : fail("untrusted");
  }

  /**
   * The certificate of the authority that issued it, from where the certificate says (RFC 5280 section 4.2.2.1, caIssuers). It may
   * come over plain http, as authorities serve it: nothing is believed of it that does not lead to a root.
   */
  async #issuerOf(leaf: X509Certificate): Promise<X509Certificate | "unavailable" | undefined> {
    const address = /^CA Issuers - URI:(https?:\/\/[!-~]{1,300})$/m.exec(leaf.infoAccess ?? "")?.[1];
    if (address === undefined) return undefined;
    const served = await this.#get(address);
    return served === undefined ? "unavailable" : certificatesIn(served)[0];
  }

  /** By openssl, which knows all that a path has to fulfil: dates, constraints, key usage, name. */
  #leadsToRoot(leaf: X509Certificate, between: readonly X509Certificate[]): boolean {
    const { name } = this.#world;
    if (leaf.checkHost(name, { subject: "never" }) === undefined) return false;
    const at = String(Math.floor(this.#clock.now() / 1000));
    try {
      openssl(
        (file, chain, roots) => [
          "verify",
          ...["-no-CApath", "-no-CAstore", "-CAfile", roots!, "-untrusted", chain!],
          ...["-purpose", "sslserver", "-verify_hostname", name, "-attime", at, file!],
        ],
        leaf.toString(),
        between.map(String).join("\n"),
        this.#source.roots.join("\n"),
      );
      return true;
    } catch {
      return false;
    }
  }

  async #get(address: string): Promise<Buffer | undefined> {
    try {
      const response = await this.#source.fetch(address, {
        redirect: "error",
        signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
      });
      if (!response.ok) return undefined;
      const bytes = Buffer.from(await response.arrayBuffer());
      return bytes.length > BYTES_MOST ? undefined : bytes;
    } catch {
      return undefined;
    }
  }
}

/** The certificates of a file, PEM (any number) or DER (one). */
function certificatesIn(file: Buffer): X509Certificate[] {
  const pems = file
    .toString("latin1")
    .match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g);
  try {
    return pems === null ? [new X509Certificate(file)] : pems.map((pem) => new X509Certificate(pem));
  } catch {
    return [];
  }
}
