import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerSettings } from "../link/settings.ts";
import type { FleetServer } from "./fleet-server.ts";
import { feedSettings } from "./settings-feed.ts";

test("every server's settings are handed on; a server that is no more, or is not ours to feed, loses them", () => {
  const server = (linkName: string, nkey: string | undefined = "U"): FleetServer =>
    ({ name: `x-${linkName}`, linkName, nkey, draining: false }) as FleetServer;
  const fleet: { current: FleetServer[] } = {
    current: [server("a1"), server("b1"), server("c1", undefined)],
  };
  fleet.current[2]!.nkey = undefined;
  const held = new Map<string, ServerSettings>();
  const feed = feedSettings({
    fleet,
    publisher: {
      setSettings: (name, settings) => void held.set(name, settings),
      removeServer: (name) => void held.delete(name),
    },
    settingsOf: ({ linkName, nkey, draining }) =>
      nkey === undefined ? undefined : ({ server: linkName, draining } as ServerSettings),
  });
  feed();
  assert.deepEqual([...held.keys()], ["a1", "b1"]);
  fleet.current = [{ ...server("a1"), draining: true }, server("d1")];
  feed();
  assert.deepEqual(
    [...held].map(([name, { draining }]) => [name, draining]),
    [
      ["a1", true],
      ["d1", false],
    ],
  );
  // Its key was forgotten: nothing more for it.
  fleet.current = [{ ...server("a1"), nkey: undefined }];
  feed();
  assert.deepEqual([...held.keys()], []);
});
