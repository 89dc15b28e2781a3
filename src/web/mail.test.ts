import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { MailLinks } from "../accounts/mail-links.ts";
import { FakeClock } from "../lib/clock.ts";
import { type Letter, letterProblem } from "../mail/letter.ts";
import { createSite } from "./site.ts";
import { openBench, PASSWORD, tokenOf, Visitor } from "./testkit.ts";

const ORIGIN = "https://vpn.example.net";
const HOUR_MS = 3_600_000;
const clock = new FakeClock();
const bench = await openBench({}, clock);
after(() => bench.close());
const letters: Letter[] = [];
let network = 0;
const app = createSite({
  ...bench.options,
  clientAddress: () => `198.51.100.${network}`,
  mail: {
    origin: ORIGIN,
    links: new MailLinks({ accounts: bench.accounts, clock, secret: randomBytes(32) }),
    async enqueue(letter) {
      const problem = letterProblem(letter);
      if (problem !== undefined) return { ok: false, error: problem };
      letters.push(letter);
      return { ok: true, value: undefined };
    },
  },
});
/** A visitor from a network of their own, so that no test slows the next. */
const visitor = () => {
  network++;
  return new Visitor(app);
};
const signUp = async (name: string, email = "") => {
  const member = visitor();
  const made = await member.fill("/sign-up", "/sign-up", { name, password: PASSWORD, email });
  assert.equal(made.status, 303);
  const told = await (await member.get(made.headers.get("location")!)).text();
  assert.equal(/A letter is on its way to your e-mail address/.test(told), email !== "");
  return member;
};
/** The path of the only link in the last letter to that address. */
const linkTo = (email: string): string => {
  const text = letters.findLast(({ to }) => to === email)?.text ?? "";
  return new RegExp(`${ORIGIN.replaceAll(".", "\\.")}(/\\S+)`).exec(text)![1]!;
};
/** What goes on after an answer has gone out is over. */
const settled = async () => {
  await new Promise((resolve) => setTimeout(resolve, 30));
  // On a busy machine that time may be over before the work has had its turns.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
};
const confirmed = async (name: string, email: string) => {
  await signUp(name, email);
  const other = visitor();
  const done = await other.fill(linkTo(email), "/confirm-email", {
    link: new URL(linkTo(email), ORIGIN).searchParams.get("link")!,
  });
  assert.equal(done.status, 200);
};
const asked = async (email: string): Promise<string> => {
  const answer = await visitor().fill("/forgot-password", "/forgot-password", { email });
  assert.equal(answer.status, 200);
  const text = await answer.text();
  await settled();
  return text;
};

test("an address is confirmed by the link's form, once, by whoever reads it; opening the link changes nothing", async () => {
  await signUp("rosa", "rosa@example.org");
  const path = linkTo("rosa@example.org");
  assert.ok(!letters.at(-1)!.text.includes("account rosa"));
  const reader = visitor();
  for (let count = 0; count < 3; count++) assert.equal((await reader.get(path)).status, 200);
  // Programs of the mail provider open it, too: it tells them no more than the letter.
  assert.doesNotMatch(await (await reader.get(path)).text(), /\brosa\b(?!@)/);
  assert.equal((await bench.accounts.byName("rosa"))?.emailVerified, false);
  const link = new URL(path, ORIGIN).searchParams.get("link")!;
  const token = tokenOf(await (await reader.get(path)).text(), "/confirm-email");
  assert.equal((await reader.post("/confirm-email", { token, link })).status, 200);
  assert.equal((await bench.accounts.byName("rosa"))?.emailVerified, true);
  assert.equal((await reader.post("/confirm-email", { token, link })).status, 410);
  assert.equal((await reader.get(path)).status, 410);
});

test("a link is over after half an hour, when the address changes, and when a sign of it is another", async () => {
  const member = await signUp("late", "late@example.org");
  const path = linkTo("late@example.org");
  const open = async (where: string) => (await visitor().get(where)).status;
  assert.equal(await open(path), 200);
  assert.equal(await open(`${path.slice(0, -3)}${path.endsWith("AAA") ? "BBB" : "AAA"}`), 410);
  assert.equal(await open("/confirm-email"), 410);
  assert.equal(await open(`/confirm-email?link=${"A".repeat(5000)}`), 410);
  assert.equal(await open(path.replace("/confirm-email", "/reset-password")), 410, "another kind");
  clock.advance(30 * 60_000 - 1000);
  assert.equal(await open(path), 200);
  clock.advance(1000);
  assert.equal(await open(path), 410);
  await member.fill("/member/settings", "/member/email/confirm");
  const again = linkTo("late@example.org");
  assert.equal(await open(again), 200);
  const fields = { email: "other@example.org", password: PASSWORD };
  await member.fill("/member/settings", "/member/email", fields);
  assert.equal(await open(again), 410);
  assert.equal(letters.at(-1)!.to, "other@example.org");
});

test("another address is not confirmed; the same one stays so", async () => {
  await confirmed("move", "move@example.org");
  const member = visitor();
  await member.fill("/log-in", "/log-in", { name: "move", password: PASSWORD });
  const change = (email: string) =>
    member.fill("/member/settings", "/member/email", { email, password: PASSWORD });
  await change("move@example.org");
  assert.equal((await bench.accounts.byName("move"))?.emailVerified, true);
  await change("elsewhere@example.org");
  assert.equal((await bench.accounts.byName("move"))?.emailVerified, false);
  await change("");
  assert.equal((await bench.accounts.byName("move"))?.emailVerified, false);
});

test("a forgotten password is set anew by the link, once; every session before it is over", async () => {
  await confirmed("anna", "anna@example.org");
  const before = visitor();
  await before.fill("/log-in", "/log-in", { name: "anna", password: PASSWORD });
  assert.equal((await before.get("/member")).status, 200);
  await asked("Anna@Example.ORG");
  const path = linkTo("anna@example.org");
  assert.match(path, /^\/reset-password\?link=[\w-]+$/);
  const link = new URL(path, ORIGIN).searchParams.get("link")!;
  const reader = visitor();
  const markup = await (await reader.get(path)).text();
  assert.doesNotMatch(markup, /\banna\b/);
  const token = tokenOf(markup, "/reset-password");
  const form = await reader.post("/reset-password", { token, link });
  assert.equal(form.status, 200);
  assert.match(await form.text(), /<strong>anna<\/strong>/);
  const short = await reader.post("/reset-password", { token, link, new: "short" });
  assert.equal(short.status, 422);
  assert.equal((await reader.post("/reset-password", { token, link, new: "a wholly new one" })).status, 303);
  assert.equal((await reader.post("/reset-password", { token, link, new: "and another one" })).status, 410);
  assert.equal((await before.get("/member")).status, 303);
  const old = await visitor().fill("/log-in", "/log-in", { name: "anna", password: PASSWORD });
  assert.equal(old.status, 422);
  const fresh = await visitor().fill("/log-in", "/log-in", { name: "anna", password: "a wholly new one" });
  assert.equal(fresh.status, 303);
});

test("of two who use one link at the same moment one does", async () => {
  await confirmed("twice", "twice@example.org");
  await asked("twice@example.org");
  const path = linkTo("twice@example.org");
  const link = new URL(path, ORIGIN).searchParams.get("link")!;
  const readers = [visitor(), visitor()];
  const answers = await Promise.all(
    readers.map((reader, index) =>
      reader.fill(path, "/reset-password", { link, new: `new password ${index}` }),
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [303, 410]);
});

test("the answer is the same whether or not there is such an account, and no letter goes to who is none", async () => {
  await signUp("unsure", "unsure@example.org");
  await confirmed("sure", "sure@example.org");
  const count = letters.length;
  const pages = [];
  for (const email of ["nobody@example.org", "unsure@example.org", "sure@example.org"])
    pages.push(await asked(email));
  assert.equal(new Set(pages).size, 1);
  assert.deepEqual(
    letters.slice(count).map(({ to }) => to),
    ["sure@example.org"],
  );
});

test("two accounts with one address get a link each; a mailbox spelled otherwise gets its own letter", async () => {
  await confirmed("first", "both@example.org");
  await confirmed("second", "both@example.org");
  await confirmed("third", "Both@example.org");
  clock.advance(HOUR_MS);
  const count = letters.length;
  await asked("both@example.org");
  const got = letters.slice(count);
  const links = got.map(({ to, text }) => [to, text.match(/reset-password\?link=/g)!.length]);
  assert.deepEqual(links.toSorted(), [
    ["Both@example.org", 1],
    ["both@example.org", 2],
  ]);
});

test("a mailbox is not filled by strangers, nor does a network ask without end", async () => {
  await confirmed("calm", "calm@example.org");
  const count = letters.length;
  for (let tries = 0; tries < 6; tries++) await asked("calm@example.org");
  assert.equal(letters.length - count, 2, "three with the one that confirmed it");
  // Nor by as many names as it has.
  const mallory = await signUp("mallory", "calm+0@example.org");
  for (const email of ["Calm+1@example.org", "calm+2@Example.org", "calm@ｅxample.org", "calm@exa𝐦ple.org"])
    await mallory.fill("/member/settings", "/member/email", { email, password: PASSWORD });
  assert.equal(letters.length - count, 2, "by another name");
  const stranger = visitor();
  const page = await (await stranger.get("/forgot-password")).text();
  const token = tokenOf(page, "/forgot-password");
  let slowed = 0;
  for (let tries = 0; tries < 30; tries++) {
    const answer = await stranger.post("/forgot-password", { token, email: `x${tries}@example.org` });
    if (answer.status === 429) slowed++;
  }
  assert.equal(slowed, 10);
});

test("what is no address, or would write headers, is told so and sent nowhere", async () => {
  const count = letters.length;
  for (const email of [
    "",
    "rosa",
    "rosa@example.org\r\nBcc: all@example.org",
    "a@example.org,b@example.org",
  ]) {
    const answer = await visitor().fill("/forgot-password", "/forgot-password", { email });
    assert.equal(answer.status, 422, email);
  }
  await settled();
  assert.equal(letters.length, count);
});

test("without a mail server the site says that a password cannot be reset, and asks for nothing", async () => {
  const stranger = new Visitor(bench.app);
  const forgot = await (await stranger.get("/forgot-password")).text();
  assert.match(forgot, /sends no mail, so a forgotten password cannot be reset/);
  assert.ok(!forgot.includes('action="/forgot-password"'));
  assert.match(await (await stranger.get("/sign-up")).text(), /A forgotten password cannot be reset/);
  assert.equal((await stranger.get("/reset-password?link=abc")).status, 410);
  const withMail = await (await visitor().get("/sign-up")).text();
  assert.match(withMail, /Without it there is no reset/);
});
