import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type Leaf, makeAuthority } from "../../../test/simulators/paypal-certificates.ts";
import { FakeClock } from "../../lib/clock.ts";
import { type CertificateSource, WebhookCertificates } from "./certificates.ts";

const AT = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270";
const ISSUER_AT = "http://authority.example/between.crt";
const authority = makeAuthority();
const stranger = makeAuthority();
after(() => {
  authority.close();
  stranger.close();
});
const good = authority.issue({ issuerAt: ISSUER_AT });

function open(
  files: Record<string, string | Buffer>,
  options: { world?: "live" | "sandbox"; clock?: FakeClock } = {},
) {
  const asked: string[] = [];
  const source: CertificateSource = {
    roots: [authority.root],
    fetch: (address, init) => {
      asked.push(String(address));
      assert.equal(init?.redirect, "error");
      const file = files[String(address)];
      if (file === undefined) return Promise.reject(new TypeError("fetch failed"));
      return Promise.resolve(new Response(new Uint8Array(Buffer.from(file))));
    },
  };
  const clock = options.clock ?? new FakeClock(Date.now() + 60_000);
  const certificates = new WebhookCertificates({ world: options.world ?? "live", clock, source });
  const look = async (address = AT) => {
    const key = await certificates.keyAt(address);
    return key.ok ? "trusted" : key.error;
  };
  return { asked, clock, files, look };
}

const served = (leaf: Leaf, chain = true) => ({ [AT]: leaf.pem + (chain ? authority.between : "") });

test("a certificate with its chain, or without it as PayPal serves them, leads to the root", async () => {
  assert.equal(await open(served(good)).look(), "trusted");
  const alone = open({ [AT]: good.pem, [ISSUER_AT]: authority.between });
  assert.equal(await alone.look(), "trusted");
  assert.deepEqual(alone.asked, [AT, ISSUER_AT]);
  // As authorities serve them: DER.
  const der = Buffer.from(authority.between.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
  assert.equal(await open({ [AT]: good.pem, [ISSUER_AT]: der }).look(), "trusted");
});

test("nothing is fetched from anywhere but PayPal's own hosts", async () => {
  const { asked, look } = open(served(good));
  for (const address of [
    "",
    "nonsense",
    AT.replace("https:", "http:"),
    AT.replace("api.paypal.com", "api.paypal.com.evil.example"),
    AT.replace("api.paypal.com", "evil.example"),
    AT.replace("https://", "https://api.paypal.com@evil.example/"),
    AT.replace("https://", "https://user:password@"),
    AT.replace("api.paypal.com", "api.paypal.com:8443"),
    AT.replace("api.paypal.com", "www.paypal.com"),
    AT.replace("api.paypal.com", "127.0.0.1"),
    AT.replace("api.paypal.com", "api.sandbox.paypal.com"),
    "https://api.paypal.com/v1/notifications/certs/../../../redirect",
    "https://api.paypal.com/v1/notifications/certs/",
    `${AT}?to=https://evil.example`,
    `${AT}#x`,
    `${AT}/..`,
    ` ${AT}`,
    AT.replace("api.paypal.com", "API.PAYPAL.COM"),
    AT.replace("https://", "https:\\\\"),
    `${AT}${"x".repeat(600)}`,
  ])
    assert.equal(await look(address), "foreign", address);
  assert.deepEqual(asked, []);
  assert.equal(await look(AT.replace("api.", "api-m.")), "unavailable");
});

test("a sandbox's certificate is none of the live world's, and the other way round", async () => {
  const name = "messageverificationcerts.sandbox.paypal.com";
  const sandboxAt = AT.replace("api.", "api.sandbox.");
  const leaf = authority.issue({ name });
  const files = { [sandboxAt]: leaf.pem + authority.between, ...served(leaf) };
  assert.equal(await open(files, { world: "sandbox" }).look(sandboxAt), "trusted");
  assert.equal(await open(files, { world: "sandbox" }).look(AT), "foreign");
  assert.equal(await open(files).look(sandboxAt), "foreign");
  // Even where a live host served it.
  assert.equal(await open(files).look(AT), "untrusted");
});

test("what leads to no root, is another name's, out of date, not for servers or no certificate is refused", async () => {
  const cases: Record<string, string | Buffer> = {
    "another authority": stranger.issue().pem + stranger.between,
    "another authority's, with ours beside it": stranger.issue().pem + authority.between,
    "issued by itself": authority.issue({ selfSigned: true }).pem,
    "another name":
      authority.issue({ name: "messageverificationcerts.evil.example" }).pem + authority.between,
    "a name below it":
      authority.issue({ name: "x.messageverificationcerts.paypal.com" }).pem + authority.between,
    "not for servers": authority.issue({ forServers: false }).pem + authority.between,
    "an authority itself": authority.between + authority.root,
    "without its chain": authority.issue().pem,
    empty: "",
    nonsense: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "a page": "<html>Forbidden</html>",
    "a key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "too much": "x".repeat(100_000),
  };
  for (const [what, file] of Object.entries(cases)) {
    const outcome = await open({ [AT]: file }).look();
    assert.equal(outcome, what === "too much" ? "unavailable" : "untrusted", what);
  }
  const clock = new FakeClock(Date.now() + 60_000);
  const short = open(served(authority.issue({ days: 2 })), { clock });
  assert.equal(await short.look(), "trusted");
  clock.advance(3 * 86_400_000);
  assert.equal(await short.look(), "untrusted");
  assert.equal(
    await open(served(good), { clock: new FakeClock(Date.now() - 86_400_000) }).look(),
    "untrusted",
  );
});

test("a certificate is fetched once in some hours; what failed is left alone for half a minute", async () => {
  const { asked, clock, files, look } = open({});
  assert.deepEqual(await Promise.all([look(), look(), look()]), [
    "unavailable",
    "unavailable",
    "unavailable",
  ]);
  assert.equal(asked.length, 1);
  Object.assign(files, served(good));
  assert.equal(await look(), "unavailable");
  clock.advance(31_000);
  assert.equal(await look(), "trusted");
  for (let times = 0; times < 10; times += 1) await look();
  assert.equal(asked.length, 2);
  clock.advance(7 * 3_600_000);
  assert.equal(await look(), "trusted");
  assert.equal(asked.length, 3);
});

test("a flood of made-up addresses of PayPal's is a few requests to it, and the key that is known stays", async () => {
  const flooded = open(served(good));
  assert.equal(await flooded.look(), "trusted");
  for (let count = 0; count < 200; count += 1)
    assert.equal(await flooded.look(`${AT.slice(0, -8)}${10_000_000 + count}`), "unavailable");
  assert.equal(await flooded.look(), "trusted");
  assert.ok(flooded.asked.length <= 8, `${flooded.asked.length} requests`);
  assert.equal(flooded.asked.filter((address) => address === AT).length, 1);
  flooded.clock.advance(6 * 3_600_000 + 1);
  assert.equal(await flooded.look(), "trusted");
});
