import assert from "node:assert/strict";
import { lab } from "./addresses.ts";
import { PATIENCE_MS } from "./namespace.ts";
import { fetchFrom } from "./probes.ts";
import { clientAddresses, type LabExit, type ServicesScene } from "./services-scene.ts";
import { Transfer } from "./transfer.ts";
import { captureStrays } from "./vpn-service.ts";

let names = 0;

/**
 * A program on a client that uses a proxy or an SSH tunnel of `exit`: what it sends goes there alone, and the names that it
 * wants are asked for by the exit. `through` are curl's options for each way that has names looked up there; `locally` those for a
 * program that looks them up itself, which is the control: the same look sees that.
 */
export async function assertNothingPast(
  { world, exits }: ServicesScene,
  exit: LabExit,
  through: readonly (readonly string[])[],
  locally: readonly string[],
): Promise<void> {
  /** Uses the web by a name and in bulk: what the web and the resolvers saw of it, and what passed the client's uplink besides. */
  const use = async (...options: string[]) => {
    const name = `past-${++names}.any.lab.example`;
    const strays = await captureStrays(world.client, exit, exits);
    try {
      const seen = await fetchFrom(world.client, `http://${name}/ip`, ...options);
      const download = new Transfer(world.client, 1_000_000, 4_000_000, ...options);
      try {
        assert.equal(await download.ended(PATIENCE_MS), 0, download.said);
      } finally {
        await download.stop();
      }
      const asked = (await world.seen()).dns.filter((question) => question.name === name);
      return { seen, asked: asked.map(({ from }) => from), past: await strays.stop() };
    } finally {
      await strays.stop();
    }
  };
  for (const options of through) {
    const { seen, asked, past } = await use(...options);
    assert.equal(seen, exit.v4);
    assert.ok(asked.length > 0, "somebody was asked for the name");
    assert.deepEqual(new Set(asked), new Set([exit.v4]));
    assert.deepEqual(past, []);
  }
  const local = await use(...locally);
  assert.ok(local.asked.includes(clientAddresses.client.v4), "control: the client's own question is seen");
  assert.ok(
    local.past.some((line) => line.includes(lab.internet.foreignResolver)),
    "control: and its packets",
  );
  const bare = await use();
  assert.ok(bare.past.length > 20, "control: and those of a program that uses no proxy");
}
