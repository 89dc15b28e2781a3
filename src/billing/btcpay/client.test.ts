import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BtcpaySimulator } from "../../../test/simulators/btcpay.ts";
import { listen } from "../../../test/simulators/listening.ts";
import { BtcpayClient, BtcpayError } from "./client.ts";

describe("the BTCPay client", () => {
  const invoice = {
    amount: { minor: 500, currency: "EUR" },
    orderId: "x",
    itemCode: "bitcoin",
    description: "30 days",
    paymentMethods: ["BTC-CHAIN"],
    redirectUrl: "http://127.0.0.1:1/",
  };
  const codeOf = async (made: Promise<unknown>) => {
    const error = await made.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof BtcpayError);
    return error.code;
  };

  it("says in one word what is wrong: key, store, payment method, no server, not found", async () => {
    const simulator = await new BtcpaySimulator().start();
    const { address, store, apiKey } = simulator;
    const client = (over: object) => new BtcpayClient({ address, store, apiKey, ...over });
    assert.equal(await codeOf(client({ apiKey: "wrong" }).create(invoice)), "refused");
    assert.equal(await codeOf(client({ store: "wrong" }).create(invoice)), "refused");
    assert.equal(await codeOf(client({}).create({ ...invoice, paymentMethods: ["DOGE-CHAIN"] })), "refused");
    assert.equal(await codeOf(client({}).invoice("nowhere")), "unknown-invoice");
    await client({}).create(invoice);
    await client({}).test();
    assert.equal(await codeOf(client({ apiKey: "wrong" }).test()), "refused");
    simulator.failures = 1;
    assert.equal(await codeOf(client({}).create(invoice)), "unreachable");
    await simulator.stop();
    assert.equal(await codeOf(client({}).create(invoice)), "unreachable");
  });

  it("takes no answer that is another's, endless, redirected or none", async () => {
    let answer: { status: number; body?: string; headers?: Record<string, string> } = { status: 200 };
    const server = await listen(async () => answer);
    const client = new BtcpayClient({ address: server.address, store: "s", apiKey: "k" });
    const right = {
      id: "a",
      storeId: "s",
      amount: "5",
      currency: "EUR",
      checkoutLink: `${server.address}/i/a`,
      status: "New",
    };
    const asks = async (body: unknown, more = {}) => {
      answer = { status: 200, body: typeof body === "string" ? body : JSON.stringify(body), ...more };
      return codeOf(client.create(invoice));
    };
    answer = { status: 200, body: JSON.stringify(right) };
    assert.equal((await client.create(invoice)).id, "a");
    assert.equal(await asks({ ...right, checkoutLink: "https://elsewhere.example/i/a" }), "malformed");
    assert.equal(await asks({ ...right, checkoutLink: "javascript:alert(1)" }), "malformed");
    assert.equal(await asks({ ...right, storeId: "other" }), "malformed");
    assert.equal(await asks({ ...right, id: "../../x" }), "malformed");
    assert.equal(await asks("not JSON"), "malformed");
    assert.equal(await asks("x".repeat(2_000_000)), "malformed");
    assert.equal(await asks("", { status: 302, headers: { location: "/" } }), "unreachable");
    answer = { status: 200, body: JSON.stringify({ ...right, type: "TopUp" }) };
    assert.equal((await client.create(invoice)).amount, undefined);
    answer = { status: 200, body: JSON.stringify({ ...right, status: "OfALaterVersion" }) };
    assert.equal((await client.invoice("a")).status, "other");
    await server.close();
  });
});
