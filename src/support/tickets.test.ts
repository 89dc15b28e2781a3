import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { FakeClock } from "../lib/clock.ts";
import { grouped } from "../lib/typed-code.ts";
import { LIFETIMES } from "../policy/lifetimes.ts";
import { sweep } from "../store/inventory.ts";
import { onEachStore, openTestStore, type StoreKind } from "../store/testing.ts";
import { openMessage } from "./sealed-message.ts";
import { type TicketPass, ticketIdentity, ticketPass, ticketRecipient, typedPass } from "./ticket-key.ts";
import { type AnsweredMail, MESSAGE_CHARACTERS_MOST, MESSAGES_MOST, Tickets } from "./tickets.ts";

const DAY_MS = 86_400_000;

async function office(kind: StoreKind, { mail = true }: { mail?: boolean } = {}) {
  const { store, files } = await openTestStore(kind);
  const clock = new FakeClock();
  const identity = await generateX25519Identity();
  const told: AnsweredMail[] = [];
  const secret = randomBytes(32);
  const make = (recipients: string[]) =>
    new Tickets({
      store,
      clock,
      secret,
      recipients,
      answered: mail ? async (each) => void told.push(each) : undefined,
    });
  const tickets = make([await identityToRecipient(identity)]);
  const opened = async (
    text: string,
    address?: string,
    { once = randomBytes(16).toString("hex"), withText = false } = {},
  ) => {
    const email = address === undefined ? undefined : { address, withText };
    const made = await tickets.open({ once, text, email });
    assert.ok(made.ok);
    return made.value;
  };
  /** All that the database's files hold. */
  const bytes = async () => Buffer.concat(await files()).toString("latin1");
  return { store, clock, identity, told, tickets, make, opened, bytes };
}

onEachStore(
  "a letter and its answer are read with the secret and by the operator's key, and stand nowhere in the database",
  async (kind) => {
    const { tickets, opened, identity, told, store, bytes } = await office(kind);
    const pass = await opened("My tunnel says NOPENOPE", "someone@example.org");
    const answered = await tickets.answer(grouped(pass.number).toUpperCase(), "Try SERVERTWO");
    assert.ok(answered.ok);
    const read = await tickets.read(pass);
    assert.deepEqual(
      read?.texts.map(({ fromOperator, text }) => [fromOperator, text]),
      [
        [false, "My tunnel says NOPENOPE"],
        [true, "Try SERVERTWO"],
      ],
    );
    assert.equal(read?.state, "answered");
    const stored = await tickets.show(pass.number);
    assert.equal(await openMessage(stored!.sealed[0]!.body, [identity]), "My tunnel says NOPENOPE");
    assert.equal(await openMessage(stored!.sealed[1]!.body, [await generateX25519Identity()]), undefined);
    // The address is told that there is an answer, and the mail has no more than the number.
    assert.deepEqual(told, [{ to: "someone@example.org", number: pass.number }]);
    await store.scrub();
    assert.ok((await bytes()).includes(pass.number), "what is looked through is the database");
    for (const word of ["NOPENOPE", "SERVERTWO", "someone@example.org", pass.secret])
      assert.ok(!(await bytes()).includes(word), word);
    await store.close();
  },
);

onEachStore(
  "an answer that is wanted by e-mail goes along, and stands no more in the database for it",
  async (kind) => {
    const { tickets, opened, told, store, bytes } = await office(kind);
    const { number } = await opened("hello", "someone@example.org", { withText: true });
    assert.equal((await tickets.show(number))?.mailHasText, true);
    assert.ok((await tickets.answer(number, " Try SERVERTWO\r\n")).ok);
    assert.deepEqual(told, [{ to: "someone@example.org", number, text: "Try SERVERTWO" }]);
    await store.scrub();
    for (const word of ["SERVERTWO", "someone@example.org"]) assert.ok(!(await bytes()).includes(word), word);
    await store.close();
  },
);

onEachStore("a wrong secret, another ticket's and a made-up number open nothing", async (kind) => {
  const { tickets, opened, store } = await office(kind);
  const [one, other] = [await opened("first"), await opened("second")];
  const wrong: TicketPass[] = [
    { number: one.number, secret: other.secret },
    { number: one.number, secret: "a".repeat(20) },
    { number: "aaaaaaaaaa", secret: one.secret },
  ];
  for (const pass of wrong) {
    assert.equal(await tickets.read(pass), undefined);
    assert.equal(await tickets.knows(pass), false);
    const replied = await tickets.reply(pass, { once: "x", text: "hello" });
    assert.deepEqual(replied, { ok: false, error: "ticket-unknown" });
  }
  assert.equal((await tickets.show(one.number))?.messages, 1);
  await store.close();
});

onEachStore(
  "a form that is sent twice, also at the same moment, is one ticket and one message",
  async (kind) => {
    const { tickets, store } = await office(kind);
    const both = await Promise.all([
      tickets.open({ once: "same", text: "hello" }),
      tickets.open({ once: "same", text: "hello" }),
    ]);
    assert.deepEqual(both[0], both[1]);
    const pass = both[0]!.ok ? both[0].value : undefined;
    await Promise.all([1, 2].map(() => tickets.reply(pass!, { once: "again", text: "more" })));
    assert.equal((await tickets.list()).length, 1);
    assert.equal((await tickets.show(pass!.number))?.messages, 2);
    await store.close();
  },
);

onEachStore(
  "a closed ticket forgets the address at once, takes no more, and is gone 30 days later with its messages",
  async (kind) => {
    const { tickets, opened, clock, store } = await office(kind);
    const pass = await opened("hello", "someone@example.org");
    assert.ok((await tickets.close(pass.number)).ok);
    assert.ok((await tickets.close(pass.number)).ok);
    assert.equal((await tickets.show(pass.number))?.mail, false);
    assert.deepEqual(await tickets.reply(pass, { once: "x", text: "more" }), {
      ok: false,
      error: "ticket-closed",
    });
    assert.deepEqual(await tickets.answer(pass.number, "more"), { ok: false, error: "ticket-closed" });
    clock.advance(LIFETIMES.closedTicket.days * DAY_MS - 1000);
    await sweep(store, clock);
    assert.equal((await tickets.read(pass))?.state, "closed");
    clock.advance(2000);
    await sweep(store, clock);
    assert.equal(await tickets.read(pass), undefined);
    assert.deepEqual(await store.db.selectFrom("ticket_messages").selectAll().execute(), []);
    await store.close();
  },
);

onEachStore(
  "a ticket that nobody writes in any more is deleted after the bound that the inventory states; a message puts it off",
  async (kind) => {
    const { tickets, opened, clock, store } = await office(kind);
    const [silent, alive] = [await opened("hello"), await opened("hello")];
    clock.advance((LIFETIMES.silentTicket.days - 1) * DAY_MS);
    assert.ok((await tickets.reply(alive, { once: "x", text: "still here" })).ok);
    clock.advance(DAY_MS);
    await sweep(store, clock);
    assert.equal(await tickets.read(silent), undefined);
    assert.equal((await tickets.read(alive))?.state, "open");
    await store.close();
  },
);

onEachStore(
  "what cannot be sent says why: nothing in it, too much, too often, or no key to encrypt to",
  async (kind) => {
    const { tickets, make, opened, store } = await office(kind);
    const error = async (text: string) => {
      const made = await tickets.open({ once: randomBytes(8).toString("hex"), text });
      return made.ok ? undefined : made.error;
    };
    assert.equal(await error(" \n\u0000\u0007 "), "message-empty");
    assert.equal(await error("x".repeat(MESSAGE_CHARACTERS_MOST + 1)), "message-long");
    assert.equal(await error("🦊".repeat(MESSAGE_CHARACTERS_MOST)), undefined);
    const unset = await make([]).open({ once: "y", text: "hello" });
    assert.deepEqual(unset, { ok: false, error: "support-closed" });
    assert.equal(make([]).reachable, false);
    const pass = await opened("one");
    for (let at = 2; at <= MESSAGES_MOST; at++) await tickets.reply(pass, { once: `n${at}`, text: "more" });
    assert.deepEqual(await tickets.reply(pass, { once: "last", text: "more" }), {
      ok: false,
      error: "ticket-long",
    });
    await store.close();
  },
);

onEachStore(
  "no more letters are taken where too many wait, or too many were written and closed again",
  async (kind) => {
    const { tickets, opened, store } = await office(kind);
    const closed = await opened("closed");
    await tickets.close(closed.number);
    const row = await store.db.selectFrom("tickets").selectAll().executeTakeFirstOrThrow();
    const fill = async (from: number, to: number, state: "open" | "closed") => {
      for (let at = from; at < to; at += 1000)
        await store.db
          .insertInto("tickets")
          .values(Array.from({ length: 1000 }, (_, each) => ({ ...row, number: `t${at + each}`, state })))
          .execute();
    };
    const error = async () => {
      const made = await tickets.open({ once: randomBytes(8).toString("hex"), text: "hello" });
      return made.ok ? undefined : made.error;
    };
    await fill(0, 29_000, "closed");
    assert.equal(await error(), undefined);
    await fill(29_000, 30_000, "closed");
    assert.equal(await error(), "support-full");
    await store.db.deleteFrom("tickets").where("number", "like", "t%").execute();
    await fill(0, 10_000, "open");
    assert.equal(await error(), "support-full");
    await store.close();
  },
);

onEachStore("the operator's list has what waits first, the oldest first", async (kind) => {
  const { tickets, opened, clock, store } = await office(kind);
  const first = await opened("1");
  clock.advance(DAY_MS);
  const second = await opened("2");
  const third = await opened("3", "a@b.example");
  await tickets.answer(first.number, "yes");
  await tickets.close(second.number);
  const fourth = await opened("4");
  clock.advance(DAY_MS);
  await tickets.reply(third, { once: "x", text: "?" });
  assert.deepEqual(
    (await tickets.list()).map(({ number, state, mail, messages }) => [number, state, mail, messages]),
    [
      [fourth.number, "open", false, 1],
      [third.number, "open", true, 2],
      [first.number, "answered", false, 2],
      [second.number, "closed", false, 1],
    ],
  );
  await store.close();
});

onEachStore("spam is deleted at once, with its messages and nothing else", async (kind) => {
  const { tickets, opened, store } = await office(kind);
  const [spam, more, letter] = [await opened("BUY"), await opened("BUY MORE"), await opened("hello")];
  assert.equal(await tickets.remove(["no number"]), 0);
  assert.equal(
    await tickets.remove(["no number", grouped(spam.number), more.number, spam.number, "aaaaaaaaaa"]),
    2,
  );
  assert.equal(await tickets.read(spam), undefined);
  assert.deepEqual(
    (await tickets.list()).map(({ number }) => number),
    [letter.number],
  );
  const left = await store.db.selectFrom("ticket_messages").select("ticket").execute();
  assert.deepEqual(
    left.map(({ ticket }) => ticket),
    [letter.number],
  );
  await store.close();
});

onEachStore("without a mail server no address is kept", async (kind) => {
  const { tickets, opened, store } = await office(kind, { mail: false });
  const pass = await opened("hello", "someone@example.org");
  assert.equal((await tickets.show(pass.number))?.mail, false);
  assert.ok((await tickets.answer(pass.number, "yes", { close: true })).ok);
  assert.equal((await tickets.read(pass))?.state, "closed");
  await store.close();
});

test("number and secret are read however they are typed, and are another form's for another form", async () => {
  const pass = ticketPass(new Uint8Array(32), "form");
  const typed = { number: ` ${grouped(pass.number).toUpperCase()} `, secret: grouped(pass.secret) };
  assert.deepEqual(typedPass(typed), pass);
  assert.deepEqual(typedPass({ ...typed, number: pass.number.replace(/^...../, "$&\u2013") }), pass);
  assert.equal(typedPass({ ...typed, secret: pass.number }), undefined);
  assert.equal(typedPass({ ...typed, number: pass.secret }), undefined);
  assert.equal(typedPass({ number: "", secret: "" }), undefined);
  assert.notDeepEqual(ticketPass(new Uint8Array(32), "form2"), pass);
  assert.notEqual(ticketPass(randomBytes(32), "form").secret, pass.secret);
  const recipient = await ticketRecipient(pass);
  assert.match(recipient, /^age1[02-9ac-hj-np-z]{58}$/);
  assert.equal(await identityToRecipient(await ticketIdentity(pass)), recipient);
  assert.notEqual(await ticketRecipient({ ...pass, number: "aaaaaaaaaa" }), recipient);
});
