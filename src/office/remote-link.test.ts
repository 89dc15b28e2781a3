import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetServer } from "../fleet/fleet-server.ts";
import type { OfficeCarrier } from "../link/carrier.ts";
import { RemoteLink } from "./remote-link.ts";

const server = (linkName: string, more: Partial<FleetServer> = {}): FleetServer =>
  ({ name: linkName, linkName, local: false, nkey: `U${linkName}`, ...more }) as FleetServer;
const own = server("exit1", { local: true, nkey: undefined });

function newLink({ cluster = false } = {}) {
  const heard: string[] = [];
  const fleet = {
    current: [own] as FleetServer[],
    get remote() {
      return this.current.filter(({ local, nkey }) => !local && nkey !== undefined);
    },
  };
  let carriers = 0;
  const remote = new RemoteLink({
    fleet,
    publisher: {
      addCarrier: async () => void heard.push("carrier added"),
      removeCarrier: async () => void heard.push("carrier removed"),
    },
    server: cluster
      ? undefined
      : {
          setUsers: async (users) =>
            void heard.push(`users ${users.map(({ server: name }) => name).join(",")}`),
          stop: async () => void heard.push("stopped"),
          release: () => void heard.push("released"),
        },
    newCarrier: () => {
      const number = ++carriers;
      return { lead: (active) => void heard.push(`${number} leads ${active}`) } as OfficeCarrier & {
        lead(active: boolean): void;
      };
    },
  });
  const since = () => heard.splice(0);
  return { fleet, remote, since };
}

test("nats-server runs from the first server that is added to the last that is removed", async () => {
  const { fleet, remote, since } = newLink();
  await remote.lead(true);
  // What an earlier life may have left.
  assert.deepEqual(since(), ["stopped"]);
  await remote.update();
  assert.deepEqual(since(), []);
  fleet.current = [own, server("london1", { nkey: undefined })];
  await remote.update();
  assert.deepEqual(since(), ["users ", "1 leads true", "carrier added"]);
  fleet.current = [own, server("london1"), server("paris1")];
  await remote.update();
  assert.deepEqual(since(), ["users london1,paris1"]);
  fleet.current = [own];
  await remote.update();
  assert.deepEqual(since(), ["carrier removed", "stopped"]);
  fleet.current = [own, server("oslo1")];
  await remote.update();
  assert.deepEqual(since(), ["users oslo1", "2 leads true", "carrier added"]);
});

test("of several offices with a nats-server each, the leader's runs and the others' do not", async () => {
  const { fleet, remote, since } = newLink();
  fleet.current = [own, server("london1")];
  await remote.update();
  assert.deepEqual(since(), ["stopped"]);
  await remote.lead(true);
  assert.deepEqual(since(), ["users london1", "1 leads true", "carrier added"]);
  await remote.lead(false);
  assert.deepEqual(since(), ["1 leads false", "carrier removed", "stopped"]);
});

test("at the operator's cluster every office is connected, and the leader alone speaks", async () => {
  const { fleet, remote, since } = newLink({ cluster: true });
  fleet.current = [own, server("london1")];
  await remote.update();
  assert.deepEqual(since(), ["1 leads false", "carrier added"]);
  await remote.lead(true);
  await remote.lead(false);
  assert.deepEqual(since(), ["1 leads true", "1 leads false"]);
});

test("the end takes nats-server along; a restart leaves it running; nothing is done after either", async () => {
  for (const [leave, last] of [
    [false, "stopped"],
    [true, "released"],
  ] as const) {
    const { fleet, remote, since } = newLink();
    fleet.current = [own, server("london1")];
    await remote.lead(true);
    since();
    await remote.close(leave);
    assert.deepEqual(since(), ["carrier removed", last]);
    await remote.lead(false);
    await remote.update();
    assert.deepEqual(
      since().filter((word) => !word.includes("leads")),
      [],
    );
  }
});
