import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { lab } from "../addresses.ts";
import type { ApiMember } from "../api-member.ts";
import { startCapture } from "../capture.ts";
import { type Namespace, PATIENCE_MS, until } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { greeting, resolve, seenAddress, seenAddressV6 } from "../probes.ts";
import type { LabExit, ServicesScene } from "../services-scene.ts";
import { Transfer } from "../transfer.ts";
import { addDevice, deviceFile, WireguardClient } from "../wireguard-client.ts";

interface Addresses {
  v4: string;
  v6: string;
}
/** Addresses of the client's, one for each look: for seconds a server still speaks to the client of the one before. */
const OWN: readonly Addresses[] = Array.from({ length: 7 }, (_, index) => ({
  v4: `203.0.113.${70 + index}`,
  v6: `2001:db8:c1::${70 + index}`,
}));
const DESTINATIONS = `host ${lab.internet.web4} or host ${lab.internet.web6} or host ${lab.internet.foreignResolver}`;

/** The default of lethe.toml. */
const SSH_PORT = 2222;

/** What the cases need of a client. */
interface Client {
  online(timeoutMs?: number): Promise<unknown>;
  stop(): Promise<void>;
}

/** Two servers in a row, the tunnel end to end with the second: what each of them gets to see, by its own packets. */
export function twoHopCases(scene: () => ServicesScene): void {
  const profile = async (member: ApiMember, exit: LabExit, query: string) => {
    const login = await scene().login(member);
    const { status, text } = await member.ask(
      "GET",
      `/api/v1/account/profiles/openvpn/${exit.name}?${query}`,
    );
    assert.equal(status, 200, text);
    return { ...login, profile: text };
  };
  /** Goes online, uses the web both ways, and gives what the two servers saw of it. */
  const openvpn = async (name: string, exit: LabExit, query: string): Promise<Client> => {
    const { world } = scene();
    const login = await profile(await scene().member(name), exit, query);
    return OpenVpnClient.start(world.client, world.folder, login);
  };
  const wireguard = async (name: string, exit: LabExit, query: string): Promise<Client> => {
    const { world } = scene();
    const member = await scene().member(name);
    const device = await addDevice(member);
    return WireguardClient.start(
      world.client,
      world.folder,
      await deviceFile(member, device, exit.name, query),
    );
  };
  /** The last words of a connection are not to be taken for those of the next one. */
  const over = (what: string, on: Namespace, { v4, v6 }: Addresses, ...filter: string[]) =>
    until(`${what} to be over`, PATIENCE_MS, async () => {
      const { stdout } = await on.run(["ss", "-Htan", "exclude", "time-wait", ...filter]);
      return !stdout.split("\n").some((line) => line.includes(v4) || line.includes(v6));
    });
  const seen = async (start: typeof openvpn, name: string, exit: LabExit, query: string, other: LabExit) => {
    const { world } = scene();
    const own = unused.shift()!;
    await route(own);
    const [member, destinations] = await Promise.all([
      startCapture(exit.machine, "eth0", `host ${own.v4} or host ${own.v6}`),
      startCapture(other.machine, "eth0", DESTINATIONS),
    ]);
    let vpn: Client | undefined;
    try {
      vpn = await start(name, exit, query);
      await vpn.online();
      await until("the web to answer", PATIENCE_MS, () => seenAddress(world.client));
      const addresses = [await seenAddress(world.client), await seenAddressV6(world.client)];
      const question = `hops-${++questions}.any.lab.example`;
      await resolve(world.client, question, lab.internet.foreignResolver);
      const asked = (await world.seen()).dns.filter((each) => each.name === question);
      const download = new Transfer(world.client, 1_000_000, 4_000_000);
      try {
        assert.equal(await download.ended(PATIENCE_MS), 0, download.said);
      } finally {
        await download.stop();
      }
      // Without a tunnel to hear the end through the web server would go on speaking to the exit.
      await over("the web's connections", world.internet, exit, "sport = :80");
      return {
        addresses,
        /** By whom the internet was asked for the name that the client asked for. */
        namesAskedBy: [...new Set(asked.map(({ from }) => from))],
        secondSawMember: await member.stop(),
        firstSawDestination: await destinations.stop(),
      };
    } finally {
      await vpn?.stop();
      await member.stop();
      await destinations.stop();
      await over("the client's connection", world.client, own);
    }
  };

  const { gateway4, gateway6 } = lab.client1;
  /** The client's way out, with that address as its source. */
  const route = async (source?: Addresses): Promise<void> => {
    const { client } = scene().world;
    const way = (gateway: string) => ["route", "replace", "default", "via", gateway, "dev", "eth0"];
    const from = (address?: string) => (address === undefined ? [] : ["src", address]);
    await client.must(["ip", "-4", ...way(gateway4), ...from(source?.v4)]);
    await client.must(["ip", "-6", ...way(gateway6), ...from(source?.v6)]);
  };
  const addresses = async (what: "add" | "del"): Promise<void> => {
    const { client } = scene().world;
    const nodad = what === "add" ? ["nodad"] : [];
    for (const { v4, v6 } of OWN) {
      await client.must(["ip", "address", what, `${v4}/32`, "dev", "eth0"]);
      await client.must(["ip", "address", what, `${v6}/128`, "dev", "eth0", ...nodad]);
    }
  };
  const unused = [...OWN];
  let questions = 0;

  describe("two hops", () => {
    before(() => addresses("add"));
    after(async () => {
      await route();
      await addresses("del");
    });

    for (const protocol of ["udp", "tcp"])
      test(`OpenVPN over ${protocol}, both ways round: online with the second server's address, the first sees no destination and the second no member`, async () => {
        const { berlin, oslo } = scene();
        for (const [first, second] of [
          [berlin, oslo],
          [oslo, berlin],
        ] as const) {
          const way = await seen(
            openvpn,
            `hops-${protocol}.lab`,
            second,
            `via=${first.name}&protocol=${protocol}`,
            first,
          );
          assert.deepEqual(way.addresses, [second.v4, second.v6]);
          assert.deepEqual(way.namesAskedBy, [second.v4]);
          assert.deepEqual(way.firstSawDestination, []);
          assert.deepEqual(way.secondSawMember, []);
        }
      });

    test("WireGuard, both ways round: the same", async () => {
      const { berlin, oslo } = scene();
      for (const [first, second] of [
        [berlin, oslo],
        [oslo, berlin],
      ] as const) {
        const way = await seen(
          wireguard,
          `hops-${second.name}.lab`,
          second,
          `system=linux&via=${first.name}`,
          first,
        );
        assert.deepEqual(way.addresses, [second.v4, second.v6]);
        assert.deepEqual(way.namesAskedBy, [second.v4]);
        assert.deepEqual(way.firstSawDestination, []);
        assert.deepEqual(way.secondSawMember, []);
      }
    });

    test("control: with one hop the server sees both", async () => {
      const { oslo } = scene();
      const direct = await seen(openvpn, "hops-one.lab", oslo, "protocol=udp", oslo);
      assert.deepEqual(direct.addresses, [oslo.v4, oslo.v6]);
      assert.deepEqual(direct.namesAskedBy, [oslo.v4]);
      assert.ok(direct.secondSawMember.length > 20);
      assert.ok(direct.firstSawDestination.length > 20);
    });

    test("a port leads to the other server's OpenVPN and no other service of it, and without a login nobody gets in there; a number that no server has leads nowhere", async () => {
      const { world, berlin, oslo } = scene();
      const { text } = await (await scene().member("anna.lab")).ask(
        "GET",
        `/api/v1/account/profiles/openvpn/${oslo.name}?via=${berlin.name}&protocol=tcp`,
      );
      const [, port = ""] = /^remote \S+ (\d+)/m.exec(text) ?? [];
      assert.match(port, /^53\d{3}$/);
      const reaches = async (at: string): Promise<boolean> =>
        (await world.client2.run(["timeout", "3", "bash", "-c", `exec 3<>/dev/tcp/${berlin.v4}/${at}`]))
          .code === 0;
      assert.ok(await reaches(port), "control");
      assert.ok(!(await reaches(String(Number(port) + 100))), "a number that no server has");
      assert.match(
        (await greeting(world.client2, oslo.v4, SSH_PORT)) ?? "",
        /^SSH-2\.0-/,
        "control: the other server's SSH",
      );
      assert.equal(
        await greeting(world.client2, berlin.v4, Number(port)),
        undefined,
        "OpenVPN says nothing to that",
      );
      const query = `via=${berlin.name}&protocol=tcp`;
      const login = await profile(await scene().member("anna.lab"), oslo, query);
      const stranger = OpenVpnClient.start(world.client2, world.folder, { ...login, password: "wrong" });
      try {
        await stranger.line(/AUTH_FAILED,Wrong VPN username or password/, PATIENCE_MS);
      } finally {
        await stranger.stop();
      }
    });
  });
}
