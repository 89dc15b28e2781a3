import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { identityToRecipient } from "age-encryption";
import { FakeClock } from "../../lib/clock.ts";
import { WAIT_S, worked } from "../../support/challenge.ts";
import { openMessage } from "../../support/sealed-message.ts";
import { Tickets } from "../../support/tickets.ts";
import type { SiteOptions } from "../options.ts";
import {
  type Bench,
  openBench,
  SUPPORT_IDENTITY,
  signedUp,
  TEST_WORK_BITS,
  tokenOf,
  Visitor,
} from "../testkit.ts";

const open: Bench[] = [];
afterEach(async () => {
  for (const bench of open.splice(0)) await bench.close();
});

async function newBench(change: Partial<SiteOptions> = {}) {
  const clock = new FakeClock();
  const bench = await openBench(change, clock);
  open.push(bench);
  return { ...bench, clock };
}

const field = (markup: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(markup)?.[1] ?? "";
const NUMBERS =
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split(
    " ",
  );
const sumIn = (markup: string): string => {
  const [, a = "", b = ""] = /How much is ([a-z]+) plus ([a-z]+)\?/.exec(markup) ?? [];
  return String(NUMBERS.indexOf(a) + NUMBERS.indexOf(b) + 2);
};
/** As contact.js does. */
function workOn(challenge: string): string {
  for (let counter = 0; ; counter++)
    if (worked(challenge, String(counter), TEST_WORK_BITS)) return String(counter);
}

/** Opens the form, and sends it as a browser with scripts does (`script`) or without. */
async function write(
  visitor: Visitor,
  clock: FakeClock,
  { script = true, ...fields }: { script?: boolean } & Record<string, string | boolean> = {},
): Promise<Response> {
  const markup = await (await visitor.get("/contact")).text();
  const challenge = field(markup, "challenge");
  if (!script) clock.advance(WAIT_S * 1000);
  return visitor.post("/contact", {
    token: tokenOf(markup, "/contact"),
    challenge,
    work: script ? workOn(challenge) : "",
    sum: script ? "" : sumIn(markup),
    topic: "Something else",
    text: "Hello, is anybody there?",
    ...(fields as Record<string, string>),
  });
}

const passIn = (markup: string) => ({ number: field(markup, "number"), secret: field(markup, "secret") });

for (const script of [true, false])
  test(`a visitor writes, reads the answer, writes more and closes the ticket (${script ? "with" : "without"} scripts)`, async () => {
    const bench = await newBench();
    const { tickets } = bench.options.support;
    const visitor = new Visitor(bench.app);
    const sent = await write(visitor, bench.clock, { script, text: "It does <b>not</b> connect" });
    const markup = await sent.text();
    assert.equal(sent.status, 200);
    const pass = passIn(markup);
    const [listed] = await tickets.list();
    assert.equal(listed?.number, pass.number);
    const stored = (await tickets.show(pass.number))!;
    assert.equal(
      await openMessage(stored.sealed[0]!.body, [SUPPORT_IDENTITY]),
      "About: Something else\nAccount: not told\n\nIt does <b>not</b> connect",
    );
    await tickets.answer(pass.number, "Try *another* server\nplease");

    // Another browser, another day: number and secret are all it takes.
    const other = new Visitor(bench.app);
    const shown = await (await other.fill("/ticket", "/ticket", pass)).text();
    assert.match(shown, /It does &lt;b&gt;not&lt;\/b&gt; connect/);
    assert.match(shown, /Try \*another\* server\nplease/);
    const reply = {
      ...pass,
      token: tokenOf(shown, "/ticket/reply"),
      once: field(shown, "once"),
      text: "Thanks",
    };
    const again = await (await other.post("/ticket/reply", reply)).text();
    assert.match(again, /Thanks/);
    await other.post("/ticket/reply", reply);
    assert.equal((await tickets.show(pass.number))?.messages, 3);
    const closed = await other.post("/ticket/close", { ...pass, token: tokenOf(again, "/ticket/close") });
    assert.match(await closed.text(), /The ticket is closed/);
    assert.equal((await tickets.show(pass.number))?.state, "closed");
  });

test("the same form sent again shows the same number and secret, and opens no second ticket", async () => {
  const bench = await newBench();
  const visitor = new Visitor(bench.app);
  const markup = await (await visitor.get("/contact")).text();
  const challenge = field(markup, "challenge");
  const form = {
    token: tokenOf(markup, "/contact"),
    challenge,
    work: workOn(challenge),
    sum: "",
    text: "Hello",
  };
  const [one, two] = await Promise.all([visitor.post("/contact", form), visitor.post("/contact", form)]);
  const passes = [passIn(await one.text()), passIn(await two.text())];
  assert.match(passes[0]!.secret, /^[a-z2-7]{20}$/);
  assert.deepEqual(passes[0], passes[1]);
  assert.equal((await bench.options.support.tickets.list()).length, 1);
});

test("neither a cookie, nor an address, nor a log has number or secret; and the page is kept by nobody", async () => {
  const bench = await newBench();
  const visitor = new Visitor(bench.app);
  const sent = await write(visitor, bench.clock);
  const { secret, number } = passIn(await sent.text());
  assert.equal(sent.headers.get("cache-control"), "no-store");
  assert.equal(sent.headers.get("location"), null);
  for (const value of visitor.cookies.values()) assert.ok(!value.includes(secret) && !value.includes(number));
  assert.deepEqual(bench.logged, []);
});

test("a letter that cannot be sent comes back with what was typed and what to change", async () => {
  const bench = await newBench();
  const visitor = new Visitor(bench.app);
  const cases = [
    [{ text: "  " }, /There is nothing in the letter yet/],
    [{ text: "x".repeat(9000) }, /too long/],
    [{ text: "My text", work: "12", sum: "1" }, /That is not the sum/],
    [{ text: "My text", challenge: "AAAA" }, /not one of this site/],
  ] as const;
  for (const [fields, told] of cases) {
    const answer = await write(visitor, bench.clock, fields);
    const markup = await answer.text();
    assert.equal(answer.status, 422);
    assert.match(markup, told);
    if (fields.text === "My text") assert.match(markup, /<textarea[^>]*>\nMy text<\/textarea>/);
  }
  const quick = await (await visitor.get("/contact")).text();
  const early = await visitor.post("/contact", {
    token: tokenOf(quick, "/contact"),
    challenge: field(quick, "challenge"),
    sum: sumIn(quick),
    text: "My text",
  });
  const again = await early.text();
  assert.match(again, /quicker than one can write/);
  // The same sum as before, so that nothing has to be read anew.
  assert.equal(sumIn(again), sumIn(quick));
  assert.equal((await bench.options.support.tickets.list()).length, 0);
});

test("letters in great numbers are slowed, those without scripts sooner, and a refused one costs nothing", async () => {
  const bench = await newBench();
  const visitor = new Visitor(bench.app);
  const statuses: number[] = [];
  for (let at = 0; at < 6; at++)
    statuses.push((await write(visitor, bench.clock, { script: false, text: `letter ${at}` })).status);
  assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
  // Who works is let through still.
  assert.equal((await write(visitor, bench.clock)).status, 200);
  bench.clock.advance(600_000);
  assert.equal((await write(visitor, bench.clock, { script: false })).status, 200);
});

test("guessing a ticket's secret is slowed by the third wrong handful; its owner comes in from elsewhere", async () => {
  let address = "198.51.100.7";
  const bench = await newBench({ clientAddress: () => address });
  const visitor = new Visitor(bench.app);
  const pass = passIn(await (await write(visitor, bench.clock)).text());
  const wrong = { number: pass.number, secret: "a".repeat(20) };
  const statuses: number[] = [];
  for (let at = 0; at < 8; at++) statuses.push((await visitor.fill("/ticket", "/ticket", wrong)).status);
  assert.deepEqual([...new Set(statuses)], [422, 429]);
  address = "203.0.113.9";
  assert.equal((await visitor.fill("/ticket", "/ticket", pass)).status, 200);
});

test("the work for one letter does not buy a hundred, nor looks without end at what they hold", async () => {
  let address = "198.51.100.7";
  const bench = await newBench({ clientAddress: () => address });
  const visitor = new Visitor(bench.app);
  const sent = await (await write(visitor, bench.clock)).text();
  const form = { ...passIn(sent), token: tokenOf(sent, "/ticket") };
  const reply = (at: number) => visitor.post("/ticket/reply", { ...form, once: `once ${at}`, text: "more" });
  const statuses: number[] = [];
  for (let at = 0; at < 12; at++) statuses.push((await reply(at)).status);
  assert.deepEqual(statuses, [...Array(10).fill(200), 429, 429]);
  assert.equal((await bench.options.support.tickets.show(form.number))?.messages, 11);
  statuses.length = 0;
  for (let at = 0; at < 10; at++) statuses.push((await visitor.post("/ticket", form)).status);
  assert.deepEqual(statuses, [...Array(8).fill(200), 429, 429]);
  address = "203.0.113.9";
  assert.equal((await visitor.post("/ticket", form)).status, 200);
  address = "198.51.100.7";
  bench.clock.advance(120_000);
  assert.equal((await reply(12)).status, 200);
});

test("forms from another site and without the token are refused; ten megabytes are too much", async () => {
  const bench = await newBench();
  const visitor = new Visitor(bench.app);
  await visitor.get("/contact");
  assert.equal(
    (await visitor.post("/contact", { text: "x" }, { "sec-fetch-site": "cross-site" })).status,
    403,
  );
  for (const path of ["/contact", "/ticket", "/ticket/reply", "/ticket/close"])
    assert.equal((await visitor.post(path, { text: "x" })).status, 403, path);
  const token = tokenOf(await (await visitor.get("/contact")).text(), "/contact");
  assert.equal((await visitor.post("/contact", { token, text: "x".repeat(10_000_000) })).status, 413);
  assert.equal((await bench.options.support.tickets.list()).length, 0);
});

test("who has paid needs no sum, and the letter says whose it is only where the member wants it", async () => {
  const bench = await newBench();
  const { tickets } = bench.options.support;
  const member = await signedUp(bench, "alice");
  assert.match(await (await member.get("/contact")).text(), /How much is/);
  // A program makes an account with one form, and would never have to work again.
  assert.equal((await write(member, bench.clock, { work: "" })).status, 422);
  assert.equal((await write(member, bench.clock)).status, 200);
  await bench.accounts.extend((await bench.accounts.byName("alice"))!.id, 30);
  const markup = await (await member.get("/contact")).text();
  assert.ok(!markup.includes("How much is"));
  const send = async (fields: Record<string, string>) => {
    const page = await (await member.get("/contact")).text();
    const answer = await member.post("/contact", {
      token: tokenOf(page, "/contact"),
      challenge: field(page, "challenge"),
      topic: "Payment or refund",
      text: "Hello",
      ...fields,
    });
    assert.equal(answer.status, 200);
    const stored = await tickets.show(passIn(await answer.text()).number);
    return openMessage(stored!.sealed[0]!.body, [SUPPORT_IDENTITY]);
  };
  assert.equal(
    await send({ text: "Account: bob\n\nHello" }),
    "About: Payment or refund\nAccount: not told\n\nAccount: bob\n\nHello",
  );
  assert.equal(await send({ "tell-name": "yes" }), "About: Payment or refund\nAccount: alice\n\nHello");
});

test("an address is taken where mail is sent: checked, told of the answer and of nothing else", async () => {
  const { options, store, clock } = await newBench();
  const told: unknown[] = [];
  const tickets = new Tickets({
    store,
    clock,
    secret: new Uint8Array(32),
    recipients: [await identityToRecipient(SUPPORT_IDENTITY)],
    answered: async (each) => void told.push(each),
  });
  const bench = await newBench({ support: { ...options.support, tickets }, clock });
  const visitor = new Visitor(bench.app);
  const wrong = await write(visitor, clock, { email: "no address" });
  assert.match(await wrong.text(), /This is not an e-mail address/);
  const { number } = passIn(await (await write(visitor, clock, { email: "someone@example.org" })).text());
  await tickets.answer(number, "A secret answer");
  assert.deepEqual(told, [{ to: "someone@example.org", number }]);
  // The answer itself only where it is wanted, and that is said with what it means.
  const form = await (await visitor.get("/contact")).text();
  assert.match(form, /<input type="checkbox" name="mail-text" value="yes">/);
  assert.match(form, /Mail is not encrypted on its way/);
  const wants = { email: "someone@example.org", "mail-text": "yes" };
  const refused = await (await write(visitor, clock, { ...wants, text: "" })).text();
  assert.match(refused, /<input type="checkbox" name="mail-text" value="yes" checked>/);
  const sent = await (await write(visitor, clock, wants)).text();
  const wanted = passIn(sent);
  await tickets.answer(wanted.number, "An open answer");
  assert.deepEqual(told[1], { to: "someone@example.org", number: wanted.number, text: "An open answer" });
  const ticket = await visitor.post("/ticket", { token: tokenOf(sent, "/ticket"), ...wanted });
  assert.match(await ticket.text(), /The answer is sent to you by e-mail, too/);
});

test("without a key nobody can write, and the pages say so and where to write instead", async () => {
  const { options, ...bench } = await newBench();
  const tickets = new Tickets({
    store: bench.store,
    clock: bench.clock,
    secret: new Uint8Array(32),
    recipients: [],
  });
  const closed = await newBench({
    support: {
      ...options.support,
      tickets,
      contactAddress: "help@example.net",
      abuseAddress: "abuse@example.net",
    },
  });
  const visitor = new Visitor(closed.app);
  assert.match(await (await visitor.get("/contact")).text(), /mailto:help@example\.net/);
  assert.match(await (await visitor.get("/abuse")).text(), /mailto:abuse@example\.net/);
  await visitor.get("/ticket");
  const token = tokenOf(await (await visitor.get("/ticket")).text(), "/ticket");
  const answer = await visitor.post("/contact", { token, text: "hello" });
  assert.match(await answer.text(), /mailto:help@example\.net/);
});

test("the abuse page says what can be done and what cannot", async () => {
  const bench = await newBench();
  const markup = await (await new Visitor(bench.app).get("/abuse")).text();
  for (const words of [/block a port/, /no log is kept/, /href="\/contact"/]) assert.match(markup, words);
});

test("where no letters are taken, no page asks for one", async () => {
  const bench = await openBench();
  const pages = ["/about", "/help", "/ticket"];
  const text = async (path: string) => (await bench.app.request(`http://localhost${path}`)).text();
  for (const path of pages) assert.match(await text(path), /[Ww]rite to us/, path);
  Object.defineProperty(bench.options.support.tickets, "reachable", { get: () => false });
  for (const path of pages) assert.doesNotMatch(await text(path), /[Ww]rite to us/, path);
  await bench.close();
});
