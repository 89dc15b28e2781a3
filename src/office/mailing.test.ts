import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startSmtp } from "../../test/simulators/smtp.ts";
import { selfSigned } from "../certificates/testing.ts";
import { systemClock } from "../lib/clock.ts";
import type { EventCode } from "../lib/event-log.ts";
import { PLAIN_ENGLISH } from "../web/languages/language.ts";
import { createSite } from "../web/site.ts";
import { openBench, PASSWORD, Visitor } from "../web/testkit.ts";
import { type MailSettings, mailProblems } from "./mail-settings.ts";
import { startMailing } from "./mailing.ts";

const ORIGIN = "https://vpn.example.net";
const LOGIN = { user: "office", password: "of the mail server" };
const pair = selfSigned(["127.0.0.1"]);
const siteSecret = new Uint8Array(32).fill(7);
const bench = await openBench({}, systemClock);
after(() => bench.close());
const logged: EventCode[] = [];

const settingsFor = (port: number): MailSettings => ({
  host: "127.0.0.1",
  port,
  tls: "starttls",
  user: LOGIN.user,
  password_file: "/etc/lethe/mail.password",
  from: "office@vpn.example.net",
});

function office(port: number, password = LOGIN.password) {
  const mailing = startMailing({
    settings: settingsFor(port),
    password,
    siteName: "Example Collective",
    origin: ORIGIN,
    language: PLAIN_ENGLISH,
    store: bench.store,
    accounts: bench.accounts,
    clock: systemClock,
    siteSecret,
    log: (code) => logged.push(code),
    authority: pair.certificate,
  })!;
  return { mailing, app: createSite({ ...bench.options, mail: mailing.door }) };
}
const pathIn = (text: string) => text.match(/https:\/\/vpn\.example\.net(\/\S+)/)![1]!;
const formAt = async (
  visitor: Visitor,
  path: string,
  action: string,
  fields: Record<string, string> = {},
) => {
  const link = new URL(path, ORIGIN).searchParams.get("link")!;
  return visitor.fill(path, action, { link, ...fields });
};

test("from a sign-up over a mail server that is away and a restart to a new password, over STARTTLS", async () => {
  const away = await startSmtp({ pair, login: LOGIN });
  const { port } = away;
  await away.close();
  const first = office(port);
  const visitor = new Visitor(first.app);
  const fields = { name: "rosa", password: PASSWORD, email: "rosa@example.org" };
  assert.equal((await visitor.fill("/sign-up", "/sign-up", fields)).status, 303);
  while (logged.length === 0) await setTimeout(10);
  assert.deepEqual(logged, ["mail-undelivered"]);
  await first.mailing.close();
  assert.equal(await first.mailing.waiting(), 1);

  // Another life of the office; the wait of a minute after a try that failed is made shorter here.
  await bench.store.db.updateTable("mail_queue").set({ not_before: 0 }).execute();
  const smtp = await startSmtp({ pair, login: LOGIN }, port);
  const second = office(port);
  const [confirmation] = await smtp.until(1);
  assert.deepEqual(confirmation?.to, ["rosa@example.org"]);
  assert.equal(confirmation?.secure, true);
  const reader = new Visitor(second.app);
  assert.equal((await formAt(reader, pathIn(confirmation!.text), "/confirm-email")).status, 200);

  await reader.fill("/forgot-password", "/forgot-password", { email: "rosa@example.org" });
  const [, reset] = await smtp.until(2);
  const set = await formAt(reader, pathIn(reset!.text), "/reset-password", { new: "entirely new words" });
  assert.equal(set.headers.get("location"), "/log-in?why=reset");
  assert.ok(await bench.accounts.logIn("rosa", "entirely new words"));
  for (const { raw } of smtp.letters) assert.ok(!raw.includes("127.0.0.1") && !/for the account/.test(raw));

  assert.equal(await second.mailing.test("op@example.org"), "sent");
  assert.equal(await second.mailing.test("op@example.org\r\nBcc: all@example.org"), "address-invalid");
  await second.mailing.close();
  const wrong = office(port, "another password");
  assert.equal(await wrong.mailing.test("op@example.org"), "login");
  await wrong.mailing.close();
  await smtp.close();
});

test("settings of [mail] that do not go together are told by their key", () => {
  const right = settingsFor(587);
  const keyOf = (mail: MailSettings) => mailProblems({ mail }).map(({ key }) => key);
  assert.deepEqual(keyOf(right), []);
  assert.deepEqual(keyOf({ ...right, host: "", user: "", password_file: "", from: "" }), []);
  assert.deepEqual(keyOf({ ...right, host: "" }), ["host"]);
  assert.deepEqual(keyOf({ ...right, from: "" }), ["from"]);
  assert.deepEqual(keyOf({ ...right, password_file: "" }), ["user"]);
  assert.deepEqual(keyOf({ ...right, host: "mail.example.net", tls: "none" }), ["tls"]);
  assert.deepEqual(keyOf({ ...right, tls: "none" }), []);
});
