import assert from "node:assert/strict";
import { test } from "node:test";
import { type SmtpOptions, startSmtp } from "../../test/simulators/smtp.ts";
import { selfSigned } from "../certificates/testing.ts";
import { freePorts } from "../lib/testing.ts";
import { type SmtpSettings, smtpDelivery } from "./smtp.ts";

const letter = { to: "rosa@example.org", subject: "Grüße", text: "Zürich\n.\n..two\nthe end\n" };
const pair = selfSigned(["127.0.0.1"]);

async function delivered(server: SmtpOptions, settings: Partial<SmtpSettings> = {}) {
  const smtp = await startSmtp(server);
  const deliver = smtpDelivery({
    host: "127.0.0.1",
    port: smtp.port,
    tls: "none",
    user: "",
    password: "",
    from: "office@vpn.example.net",
    siteName: 'Ärger & "Co"',
    ...settings,
  });
  const outcome = await deliver(letter, "abc");
  await smtp.close();
  return { outcome, ...smtp };
}

test("a letter arrives as it was written, with a sender's name, a Message-ID and no word of the machine", async () => {
  const { outcome, letters } = await delivered({});
  assert.equal(outcome, "sent");
  const [got] = letters;
  assert.equal(got?.from, "office@vpn.example.net");
  assert.deepEqual(got?.to, [letter.to]);
  assert.equal(got?.text, letter.text);
  assert.equal(got?.greetedAs, "vpn.example.net");
  const headers = Object.fromEntries(got!.headers);
  assert.equal(headers["Message-ID"], "<abc@vpn.example.net>");
  assert.equal(headers["Auto-Submitted"], "auto-generated");
  assert.match(headers.Subject!, /^=\?UTF-8\?/);
  assert.match(headers.From!, /<office@vpn\.example\.net>$/);
  assert.deepEqual(got!.headers.map(([name]) => name.toLowerCase()).toSorted(), [
    "auto-submitted",
    "content-transfer-encoding",
    "content-type",
    "date",
    "from",
    "message-id",
    "mime-version",
    "subject",
    "to",
  ]);
});

test("STARTTLS and TLS with a certificate that fits, and a login", async () => {
  const login = { user: "office", password: "secret" };
  const safe = { user: "office", password: "secret", authority: pair.certificate };
  const starttls = await delivered({ pair, login }, { ...safe, tls: "starttls" });
  assert.equal(starttls.outcome, "sent");
  assert.equal(starttls.letters[0]?.secure, true);
  const implicit = await delivered({ pair, login, implicitTls: true }, { ...safe, tls: "tls" });
  assert.equal(implicit.outcome, "sent");
});

test("without a certificate that fits, or without STARTTLS, nothing is said: no password, no letter", async () => {
  const login = { user: "office", password: "secret" };
  const safe: Partial<SmtpSettings> = { ...login, tls: "starttls" };
  for (const server of [{ login }, { pair, login }]) {
    const { outcome, letters, lines } = await delivered(server, safe);
    assert.equal(outcome, "tls", JSON.stringify(Object.keys(server)));
    assert.equal(letters.length, 0);
    assert.ok(!lines.some((line) => /^(AUTH|MAIL)/.test(line)));
  }
  const implicit = await delivered({ pair, login, implicitTls: true }, { ...safe, tls: "tls" });
  assert.equal(implicit.outcome, "tls");
});

test("what a server refuses is told apart by whose fault it is", async () => {
  const login = { user: "office", password: "right" };
  const at = (step: string, reply: string): SmtpOptions => ({
    refuse: (asked) => (asked === step ? reply : undefined),
  });
  const outcomeOf = async (server: SmtpOptions, settings: Partial<SmtpSettings> = {}) =>
    (await delivered(server, settings)).outcome;
  assert.equal(await outcomeOf(at("rcpt", "550 no such mailbox")), "refused");
  assert.equal(await outcomeOf(at("rcpt", "451 greylisted")), "later");
  assert.equal(await outcomeOf(at("data", "554 looks like spam")), "refused");
  assert.equal(await outcomeOf(at("data", "452 disk full")), "later");
  assert.equal(await outcomeOf(at("mail", "553 not your address")), "sender");
  assert.equal(await outcomeOf(at("mail", "451 not now")), "later");
  assert.equal(await outcomeOf({ login }), "login");
  assert.equal(await outcomeOf({ login }, { user: "office", password: "wrong" }), "login");
  assert.equal(await outcomeOf(at("connect", "421 too busy")), "unreachable");
  const [port] = await freePorts(1);
  assert.equal(await outcomeOf({}, { port: port! }), "unreachable");
});
