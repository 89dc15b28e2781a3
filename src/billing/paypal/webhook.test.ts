import assert from "node:assert/strict";
import { test } from "node:test";
import { getCACertificates } from "node:tls";
import fc from "fast-check";
import { FakeClock } from "../../lib/clock.ts";
import type { WebhookRequest } from "../providers.ts";
import { type CertificateSource, WebhookCertificates } from "./certificates.ts";
import { SIGNED_BY_PAYPAL } from "./webhook.fixture.ts";
import { readWebhook } from "./webhook.ts";

const request = (headers: Record<string, string | undefined>, body: string): WebhookRequest => ({
  header: (name) => headers[name],
  body: Buffer.from(body),
});

/** A source that serves these files and no other, and remembers what was asked for. */
function serving(
  files: Record<string, string>,
  roots: readonly string[],
): CertificateSource & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    roots,
    fetch: (address) => {
      asked.push(String(address));
      const file = files[String(address)];
      return Promise.resolve(new Response(file ?? "", { status: file === undefined ? 404 : 200 }));
    },
  };
}

const august2019 = new FakeClock(Date.parse("2019-08-29T10:50:00Z"));
const { headers, body, webhookId, certificate, issuerAt, issuer } = SIGNED_BY_PAYPAL;
const files = { [headers["paypal-cert-url"]]: certificate, [issuerAt]: issuer };

test("what PayPal itself signed is accepted, up to a root of this machine", async () => {
  // With the roots that are believed in earnest.
  const certificates = new WebhookCertificates({
    world: "sandbox",
    clock: august2019,
    source: serving(files, getCACertificates("default")),
  });
  const read = await readWebhook(request(headers, body), { webhookId, certificates, clock: august2019 });
  assert.ok(read.ok, JSON.stringify(read));
  assert.equal(read.value.event_type, "PAYMENTS.PAYMENT.CREATED");
});

test("whatever is changed in one place of it, it is refused", async () => {
  const certificates = new WebhookCertificates({
    world: "sandbox",
    clock: august2019,
    source: serving(files, getCACertificates("default")),
  });
  const accepted = async (asked: WebhookRequest) =>
    (await readWebhook(asked, { webhookId, certificates, clock: august2019 })).ok;
  const changed = (text: string, at: number, by: number) => {
    const place = at % text.length;
    const other = String.fromCharCode(33 + ((text.charCodeAt(place) - 33 + by) % 94));
    return text.slice(0, place) + other + text.slice(place + 1);
  };
  const spots = fc.constantFrom(...(Object.keys(headers) as (keyof typeof headers)[]), "body" as const);
  await fc.assert(
    fc.asyncProperty(spots, fc.nat(), fc.integer({ min: 1, max: 93 }), async (spot, at, by) => {
      const asked =
        spot === "body"
          ? request(headers, changed(body, at, by))
          : request({ ...headers, [spot]: changed(headers[spot], at, by) }, body);
      assert.equal(await accepted(asked), false);
    }),
    { numRuns: 300 },
  );
  assert.equal(await accepted(request(headers, body)), true);
});

test("the same is refused with another body, webhook id, time, world, or years later", async () => {
  const look = async (change: {
    body?: string;
    headers?: object;
    webhookId?: string;
    world?: "live";
    clock?: FakeClock;
  }) => {
    const clock = change.clock ?? august2019;
    const certificates = new WebhookCertificates({
      world: change.world ?? "sandbox",
      clock,
      source: serving(files, getCACertificates("default")),
    });
    const asked = request({ ...headers, ...change.headers }, change.body ?? body);
    const read = await readWebhook(asked, { webhookId: change.webhookId ?? webhookId, certificates, clock });
    return read.ok ? "accepted" : read.error;
  };
  assert.equal(await look({}), "accepted");
  assert.equal(await look({ body: body.replace("30.11", "30.12") }), "signature");
  assert.equal(await look({ webhookId: "0FV983392A0531202" }), "signature");
  assert.equal(await look({ headers: { "paypal-transmission-time": "2019-08-29T10:49:34Z" } }), "signature");
  assert.equal(
    await look({ headers: { "paypal-transmission-id": "afa30d40-ca4a-11e9-ab68-7d4e2605c70d" } }),
    "signature",
  );
  assert.equal(await look({ world: "live" }), "signature");
  assert.equal(await look({ clock: new FakeClock(Date.parse("2019-09-03T10:50:00Z")) }), "outdated");
  assert.equal(await look({ clock: new FakeClock(Date.parse("2019-08-29T10:30:00Z")) }), "outdated");
});
