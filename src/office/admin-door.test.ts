import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Hono } from "hono";
import { FakeClock } from "../lib/clock.ts";
import { freePort } from "../lib/testing.ts";
import { AdminDoor } from "./admin-door.ts";

async function newDoor(settings: { listen: string; url: string }) {
  const clock = new FakeClock();
  const control = new Hono();
  control.get("/servers", (c) => c.json({ servers: [] }));
  control.notFound((c) => c.json({ error: "Not here." }, 400));
  const door = new AdminDoor({
    settings,
    siteName: "Example",
    demo: false,
    control,
    clock,
    log: () => undefined,
    lookEveryMs: 20,
  });
  return { door, clock };
}

/** Whether somebody listens there. */
const listens = (origin: string): Promise<boolean> =>
  fetch(origin).then(
    () => true,
    () => false,
  );

test("the door is there from the first link until the last visit is over", async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  const origin = `http://${listen}`;
  const { door, clock } = await newDoor({ listen, url: "" });
  assert.equal(await listens(origin), false);
  const opened = await door.open();
  assert.ok(opened.ok);
  const { url, minutes } = opened.value;
  assert.match(url, new RegExp(`^${origin}/open#[\\w-]{43}$`));
  assert.equal(minutes, 5);
  const entered = await fetch(`${origin}/open`, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ code: new URL(url).hash.slice(1) }),
  });
  assert.equal(entered.status, 303);
  const cookie = entered.headers.getSetCookie()[0]!.split(";")[0]!;
  const overview = await fetch(new URL(entered.headers.get("location")!, origin), { headers: { cookie } });
  assert.equal(overview.status, 200);
  clock.advance(6 * 60_000);
  await setTimeout(100);
  assert.equal(await listens(origin), true, "somebody is in");
  clock.advance(60 * 60_000);
  for (let tries = 0; tries < 200 && (await listens(origin)); tries++) await setTimeout(20);
  assert.equal(await listens(origin), false);

  assert.ok((await door.open()).ok, "and can be opened again");
  assert.equal(await listens(origin), true);
  assert.equal(await door.closeAll(), 0);
  assert.equal(await listens(origin), false);
});

test("a port that another program has, and pages that are off, are told in words", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const taken = await newDoor({ listen: `127.0.0.1:${port}`, url: "" });
  const opened = await taken.door.open();
  assert.equal(opened.ok, false);
  assert.match(
    !opened.ok ? opened.error : "",
    /Another program has the address 127\.0\.0\.1:\d+: set admin\.listen/,
  );
  await new Promise((resolve) => other.close(resolve));
  assert.ok((await taken.door.open()).ok, "once it is free");
  await taken.door.close();
  const off = await newDoor({ listen: "", url: "" });
  const refused = await off.door.open();
  assert.match(!refused.ok ? refused.error : "", /admin\.listen in lethe\.toml is empty/);
  await off.door.close();
});

test("behind a TLS proxy the link has its address", async () => {
  const { door } = await newDoor({
    listen: `127.0.0.1:${await freePort()}`,
    url: "https://admin.example.net/",
  });
  const opened = await door.open();
  assert.match(opened.ok ? opened.value.url : "", /^https:\/\/admin\.example\.net\/open#/);
  await door.close();
});
