import assert from "node:assert/strict";
import { test } from "node:test";
import { connections, pools, strongswanConfiguration } from "./configuration.ts";

const place = {
  path: "libipsec",
  viciSocket: "/run/x/ikev2.sock",
  radiusPort: 18_120,
  radiusSecret: "5".repeat(64),
  runAs: { user: "lethe-vpn", group: "lethe-keeper" },
} as const;

test("every log of strongSwan is at -1: level 0 still tells of sessions", () => {
  const levels = [...strongswanConfiguration(place).matchAll(/default = (\S+)/g)].map(([, level]) => level);
  assert.deepEqual(levels, ["-1", "-1", "-1"]);
  assert.doesNotMatch(strongswanConfiguration(place), /filelog|dbg|updown/);
});

test("it gives root up, and takes no accounting", () => {
  const text = strongswanConfiguration(place);
  assert.match(text, /user = lethe-vpn\n {2}group = lethe-keeper/);
  assert.match(text, /accounting = no/);
});

test("MOBIKE is off, several devices may have one name, and ESP goes inside UDP where strongSwan carries it itself", () => {
  const options = {
    identities: [{ id: "exit1.exits.lethe.internal", certificate: "PEM" }],
    forwarding: false,
    ipv6: true,
  };
  const [libipsec] = Object.values(connections({ ...options, path: "libipsec" })) as Record<
    string,
    unknown
  >[];
  assert.equal(libipsec?.mobike, "no");
  assert.equal(libipsec?.unique, "never");
  assert.equal(libipsec?.encap, "yes");
  const [kernel] = Object.values(connections({ ...options, path: "kernel" })) as Record<string, unknown>[];
  assert.equal(kernel?.if_id_in, kernel?.if_id_out);
  assert.notEqual(kernel?.if_id_in, undefined);
});

test("no weak cipher, hash or group is offered", () => {
  const [one] = Object.values(
    connections({
      identities: [{ id: "a.b", certificate: "" }],
      forwarding: false,
      ipv6: false,
      path: "kernel",
    }),
  );
  assert.doesNotMatch(JSON.stringify(one), /3des|sha1|md5|modp1024|modp1536/);
});

test("with and without ports for devices addresses come from two pools that have none in common, and not the gateway's", () => {
  const [forwarded, unforwarded] = [true, false].map((forwarding) => pools({ forwarding, ipv6: false }));
  assert.deepEqual(forwarded, {
    "lethe-4-forwarded": { addrs: "10.66.136.0-10.66.143.255", dns: ["10.66.255.1"] },
  });
  assert.deepEqual(unforwarded, {
    "lethe-4-unforwarded": { addrs: "10.66.144.0-10.66.191.254", dns: ["10.66.255.1"] },
  });
  for (const [forwarding, loaded] of [
    [true, forwarded],
    [false, unforwarded],
  ] as const) {
    const plan = {
      identities: [{ id: "a.b", certificate: "" }],
      path: "kernel",
      forwarding,
      ipv6: false,
    } as const;
    const [one] = Object.values(connections(plan)) as { pools: string[] }[];
    assert.deepEqual(one?.pools, Object.keys(loaded ?? {}));
  }
});
