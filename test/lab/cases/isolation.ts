import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { lab } from "../addresses.ts";
import { closedTargets, closedToProxies, withoutOurFirewall } from "../firewall.ts";
import { OpenVpnClient, over } from "../openvpn-client.ts";
import { fetchFrom } from "../probes.ts";
import { ports } from "../provider.ts";
import { curlThrough } from "../proxy-client.ts";
import type { Scene } from "../scene.ts";

/** Where members must not get to, through the tunnel and the proxies alike, and where they must. */
export function isolationCases(scene: () => Scene): void {
  describe("what members cannot reach", () => {
    // openvpn itself sends nothing to its server's address into the tunnel unless told to; a malicious client does.
    const recursive = ["--allow-recursive-routing"];
    let first: OpenVpnClient;
    let second: OpenVpnClient;
    let neighbour = "";
    before(async () => {
      const { world } = scene();
      const { vpn } = await scene().member("anna.lab");
      first = OpenVpnClient.start(world.client1, world.folder, vpn, ...over("udp"), ...recursive);
      second = OpenVpnClient.start(world.client2, world.folder, (await scene().member("berta.lab")).vpn);
      await first.online();
      await second.online();
      neighbour = `http://${await second.tunnelAddress(world.client2)}:${lab.clientPort}/ip`;
    });
    after(async () => {
      await first?.stop();
      await second?.stop();
    });

    const tell = async (
      ask: (url: string) => Promise<string | undefined>,
      targets: Record<string, string>,
    ) => {
      const answers = await Promise.all(
        Object.entries(targets).map(async ([what, url]) => [what, (await ask(url)) !== undefined] as const),
      );
      return answers.filter(([, reached]) => reached).map(([what]) => what);
    };
    const short = ["--http0.9", "--max-time", "2"];
    /** For what answers, however long it takes. */
    const long = ["--http0.9", "--max-time", "30"];
    // The exit's public address has a route of its own past the tunnel: the device says which way is meant.
    const inside = ["--interface", "tun0", ...short];

    test("control: the exit itself reaches every one of them", async () => {
      const { world } = scene();
      const targets = { ...closedTargets, ...closedToProxies };
      const reached = await tell((url) => fetchFrom(world.exit, url, ...long), targets);
      assert.deepEqual(reached.sort(), Object.keys(targets).sort());
    });

    test("through the tunnel: private hosts, the exit's services, denied ranges and ports", async () => {
      const { world } = scene();
      assert.deepEqual(await tell((url) => fetchFrom(world.client1, url, ...inside), closedTargets), []);
    });

    test("through the tunnel: the exit's services at the tunnel's own addresses", async () => {
      const { world } = scene();
      const { stdout } = await world.exit.run(["ip", "-o", "address", "show"]);
      const own = [...stdout.matchAll(/inet6? ([0-9a-f.:]+)\/\d+/g)].map(([, address = ""]) => address);
      assert.ok(own.length > 4, stdout);
      const targets = Object.fromEntries(
        own
          .filter(
            (address) => !address.startsWith("127.") && !address.startsWith("fe80:") && address !== "::1",
          )
          .map((address) => [
            address,
            `http://${address.includes(":") ? `[${address}]` : address}:${lab.operatorPort}/ip`,
          ]),
      );
      assert.deepEqual(await tell((url) => fetchFrom(world.client1, url, ...inside), targets), []);
      assert.notDeepEqual(await tell((url) => fetchFrom(world.exit, url, ...long), targets), [], "control");
    });

    test("through the tunnel: another member's device", async () => {
      const { world } = scene();
      assert.equal(await fetchFrom(world.client1, neighbour, ...inside), undefined);
    });

    test("through the tunnel, control: without our table all that the firewall closes is open", async () => {
      const { world } = scene();
      const [reached, toNeighbour] = await withoutOurFirewall(world.exit, () =>
        Promise.all([
          tell((url) => fetchFrom(world.client1, url, ...inside, ...long), closedTargets),
          fetchFrom(world.client1, neighbour, ...inside, ...long),
        ]),
      );
      assert.deepEqual(reached.sort(), Object.keys(closedTargets).sort());
      assert.notEqual(toNeighbour, undefined, "the neighbour's device");
    });

    for (const kind of ["socks5", "http", "connect"] as const) {
      test(`through the ${kind} proxy: the same, and every other writing of a closed address`, async () => {
        const { world } = scene();
        const { vpn } = await scene().member("anna.lab");
        const options = curlThrough(kind, vpn);
        await first.stop(); // the proxies are asked from outside the tunnel, as a member without one does
        const ask = (url: string) => fetchFrom(world.client1, url, ...options, ...short);
        assert.deepEqual(await tell(ask, { ...closedTargets, ...closedToProxies, neighbour }), []);
        const open = `http://${lab.internet.web4}/ip`;
        assert.equal(await fetchFrom(world.client1, open, ...options), lab.exit.v4, "control: what is open");
      });
    }

    test("a name with a closed and an open address never leads to the closed one", async () => {
      const { world } = scene();
      const { vpn } = await scene().member("anna.lab");
      for (let round = 0; round < 4; round++) {
        const answer = await fetchFrom(
          world.client1,
          "http://mixed.lab.example/ip",
          ...curlThrough("socks5", vpn),
          ...short,
        );
        assert.ok(answer === undefined || answer === lab.exit.v4, `seen as ${answer}`);
      }
    });

    test("nothing reached the mail server or the denied port", async () => {
      const { world } = scene();
      await world.forget();
      const { vpn } = await scene().member("anna.lab");
      const urls = [closedTargets["mail port"]!, closedTargets["denied port"]!];
      for (const url of urls) {
        await fetchFrom(world.client2, url, ...inside);
        for (const kind of ["socks5", "http", "connect"] as const) {
          await fetchFrom(world.client1, url, ...curlThrough(kind, vpn), ...short);
        }
      }
      assert.deepEqual((await world.seen()).connections, []);
      for (const url of urls) await fetchFrom(world.exit, url, ...long);
      assert.equal((await world.seen()).connections.length, 2, "control: the exit itself gets there");
    });
  });

  describe("what stays open", () => {
    test("the site, from inside the tunnel, with the exit's address as source", async () => {
      const { world, provider } = scene();
      const { vpn } = await scene().member("anna.lab");
      const client = OpenVpnClient.start(world.client1, world.folder, vpn, "--allow-recursive-routing");
      try {
        await client.online();
        const asked = await fetchFrom(
          world.client1,
          `${provider.siteAddress}/checkip/json`,
          ...["--interface", await client.device(world.client1)],
        );
        const { VPN, IP } = JSON.parse(asked ?? "{}") as { VPN?: boolean; IP?: string };
        assert.deepEqual([VPN, IP], [true, lab.exit.v4]);
      } finally {
        await client.stop();
      }
    });

    test("the operator's own service, from the internet: on the uplink nothing is closed that is not ours", async () => {
      const { world } = scene();
      const url = `http://${lab.exit.v4}:${lab.operatorPort}/ip`;
      assert.equal(await fetchFrom(world.client1, url), lab.client1.v4);
    });

    test("the resolver of the tunnel does not answer the internet, and proxies do not answer without a login", async () => {
      const { world } = scene();
      const { code } = await world.client1.run([
        "dig",
        "+short",
        "+timeout=1",
        "+tries=1",
        `@${lab.exit.v4}`,
        "web4.lab.example",
      ]);
      assert.notEqual(code, 0);
      for (const proxy of [
        `socks5h://${lab.exit.v4}:${ports.socks5}`,
        `http://${lab.exit.v4}:${ports.http}`,
      ]) {
        assert.equal(
          await fetchFrom(world.client1, `http://${lab.internet.web4}/ip`, "--proxy", proxy),
          undefined,
          proxy,
        );
      }
    });
  });
}
