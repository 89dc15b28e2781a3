import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import { openBench } from "../testkit.ts";

const DAY_MS = 86_400_000;

test("announcements stand on the first page and the status page, on their own page and in the feed", async () => {
  const clock = new FakeClock(Date.UTC(2031, 4, 1, 12));
  const bench = await openBench({ publicUrl: "https://vpn.example.net" }, clock);
  const get = async (path: string) => {
    const answer = await bench.app.request(`https://vpn.example.net${path}`);
    return { status: answer.status, text: await answer.text(), type: answer.headers.get("content-type") };
  };
  const box = /aria-label="Announcements"/;
  assert.doesNotMatch((await get("/status")).text, box);
  assert.match((await get("/announcements")).text, /There is none at the moment/);
  assert.match((await get("/announcements.atom")).text, /<updated>1970-01-01T00:00:00\.000Z<\/updated>/);

  const title = "Work on <b>london1</b> & others";
  const posted = await bench.announcements.post({
    title,
    text: "## When\n\n*Tonight*, <img src=x onerror=alert(1)> see [servers](/status).",
  });
  assert.ok(posted.ok);
  const { id } = posted.value;
  clock.advance(2000);
  for (const path of ["/", "/status"]) {
    const { text } = await get(path);
    assert.match(text, box, path);
    assert.match(text, new RegExp(`/announcements#a${id}">Work on &lt;b&gt;london1`), path);
  }
  const page = (await get("/announcements")).text;
  assert.match(page, /<em>Tonight<\/em>/);
  assert.match(page, /<h4>When|<h3>When/);
  assert.doesNotMatch(page, /<img src=x|<b>london1/);

  const feed = await get("/announcements.atom");
  assert.equal(feed.type, "application/atom+xml; charset=utf-8");
  assert.match(
    feed.text,
    /^<\?xml version="1\.0" encoding="utf-8"\?>\n<feed xmlns="http:\/\/www\.w3\.org\/2005\/Atom"/,
  );
  assert.match(feed.text, /<id>https:\/\/vpn\.example\.net\/announcements\.atom<\/id>/);
  assert.match(feed.text, new RegExp(`<id>urn:uuid:${id}</id>`));
  assert.match(feed.text, /<updated>2031-05-01T12:00:00\.000Z<\/updated>/);
  assert.match(feed.text, /<title>Work on &lt;b&gt;london1&lt;\/b&gt; &amp; others<\/title>/);
  assert.match(feed.text, /<content type="html">[^<]*&lt;em&gt;Tonight&lt;\/em&gt;[^<]*<\/content>/);

  clock.advance(14 * DAY_MS);
  assert.doesNotMatch((await get("/status")).text, box, "old news");
  assert.match((await get("/announcements")).text, /<em>Tonight<\/em>/);
  await bench.announcements.remove(id);
  clock.advance(2000);
  assert.doesNotMatch((await get("/announcements.atom")).text, /urn:uuid/);
  await bench.close();
});
