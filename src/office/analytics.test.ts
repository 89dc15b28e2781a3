import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startGoogleAnalytics } from "../../test/simulators/google-analytics.ts";
import { FakeClock } from "../lib/clock.ts";
import { inventory } from "../store/inventory.ts";
import { ANALYTICS_INVENTORY } from "../web/site/analytics.ts";
import { createSite } from "../web/site.ts";
import { openBench, Visitor } from "../web/testkit.ts";
import { startAnalytics } from "./analytics.ts";
import { parseConfig } from "./config.ts";
import { siteOrigin } from "./site-address.ts";

const clock = new FakeClock();
const bench = await openBench({}, clock);
const google = await startGoogleAnalytics();
after(() => Promise.all([bench.close(), google.close()]));

/** A site as the office puts it together from lethe.toml (office/main.ts). */
function siteOf(toml: string) {
  const config = parseConfig(`[site]\nurl = "https://vpn.example.net"\n${toml}`, "lethe.toml");
  const counted = startAnalytics({
    settings: config.analytics,
    secret: toml === "" ? "" : "the secret",
    origin: siteOrigin(config),
    inventory,
    clock,
    log: bench.options.log,
  });
  return { counted, app: createSite({ ...bench.options, clientAddress: () => "203.0.113.77", ...counted }) };
}

const privacyPage = async (visitor: Visitor) => (await visitor.get("/privacy")).text();
const rows = ANALYTICS_INVENTORY.map(({ what }) => what.replaceAll("'", "&#39;"));

test("lethe.toml without it: no door, the same inventory, and not a word on the privacy page", async () => {
  const { counted, app } = siteOf("");
  assert.equal(counted.analytics, undefined);
  assert.equal(counted.inventory, inventory);
  const markup = await privacyPage(new Visitor(app));
  assert.doesNotMatch(markup, /google/i);
  for (const row of rows) assert.ok(!markup.includes(row), row);
});

test("lethe.toml with it: the inventory and so the privacy page say it, and a visit arrives with id and secret", async () => {
  const { counted, app } = siteOf(
    `[analytics]\ngoogle_id = "G-TEST1234"\nsecret_file = "/run/analytics"\ncollector = "${google.address}"\n`,
  );
  assert.deepEqual(counted.inventory, [...inventory, ...ANALYTICS_INVENTORY]);
  const visitor = new Visitor(app);
  const markup = await privacyPage(visitor);
  assert.equal(rows.length, 2);
  for (const row of rows) assert.ok(markup.includes(row), row);
  assert.match(markup, /href="https:\/\/(policies|tools|support)\.google\.com\//);
  assert.equal(google.visits.length, 0, "nobody has allowed it");
  await visitor.fill("/privacy", "/analytics", { choice: "allow", back: "/privacy" });
  await visitor.get("/pricing");
  for (let ms = 0; google.visits.length === 0 && ms < 10_000; ms += 10)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const [visit] = google.visits;
  assert.deepEqual([visit?.measurementId, visit?.secret], ["G-TEST1234", "the secret"]);
  assert.equal(visit?.body.ip_override, "203.0.113.0");
  assert.equal(visit?.body.events[0]?.params.page_location, "https://vpn.example.net/pricing");
});
