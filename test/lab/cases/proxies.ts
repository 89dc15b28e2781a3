import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { lab } from "../addresses.ts";
import { PATIENCE_MS, signalIfAlive, until } from "../namespace.ts";
import { assertNothingPast } from "../nothing-past.ts";
import { seenAddress, seenAddressV6 } from "../probes.ts";
import { ports } from "../provider.ts";
import { curlThrough } from "../proxy-client.ts";
import { clientAddresses, type LabExit, type ServicesScene } from "../services-scene.ts";
import { Transfer } from "../transfer.ts";
import { captureStrays } from "../vpn-service.ts";

/** The command line of an exit's proxies. */
const PROXIES = /(bundle\.ts|exit\.mjs) proxy\b/;
/** Ten times over, for a machine that others use as well; what it took is printed. */
const BACK_WITHIN_MS = 3000;
const CLIENT = fileURLToPath(new URL("../socks5-udp.ts", import.meta.url));

/** The proxies in the clear, on both exits; those over TLS are tls.test.ts's, where there is a certificate. */
export function proxyCases(scene: () => ServicesScene): void {
  const login = async () => scene().login(await scene().member("anna-proxies.lab"));
  /** What a client of UDP ASSOCIATE got, or of another command. */
  const datagrams = async (
    exit: LabExit,
    options: { resolver?: string; command?: number; password?: string } = {},
  ): Promise<unknown> => {
    const { resolver = lab.internet.resolver, command = 3 } = options;
    const argv = [
      process.execPath,
      "--no-warnings",
      CLIENT,
      exit.v4,
      String(ports.socks5),
      resolver,
      "udp.any.lab.example",
    ];
    const given = { ...(await login()), ...(options.password && { password: options.password }) };
    const env = { SOCKS_COMMAND: String(command) };
    const { stdout, stderr } = await scene().world.client.run(argv, { input: JSON.stringify(given), env });
    if (stdout === "") throw new Error(`the client said nothing but ${stderr}`);
    return JSON.parse(stdout);
  };

  describe("the proxies", () => {
    test("online through both exits, IPv4 and IPv6, over SOCKS5 and HTTP", async () => {
      const { world, exits } = scene();
      for (const exit of exits)
        for (const kind of ["socks5", "http", "connect"] as const) {
          const through = curlThrough(kind, await login(), exit.v4);
          assert.equal(await seenAddress(world.client, ...through), exit.v4, `${kind} ${exit.name}`);
          assert.equal(await seenAddressV6(world.client, ...through), exit.v6, `${kind} ${exit.name}`);
        }
      assert.equal(await seenAddress(world.client), clientAddresses.client.v4, "control: without one");
    });

    test("datagrams go through both exits by UDP ASSOCIATE, and nowhere that the policy closes", async () => {
      const { world, exits } = scene();
      for (const exit of exits) {
        await world.forget();
        assert.deepEqual(await datagrams(exit), {
          reply: 0,
          from: lab.internet.resolver,
          answer: lab.internet.web4,
        });
        const { dns } = await world.seen("forget");
        assert.ok(
          dns.some(({ from }) => from === exit.v4),
          "the internet sees the exit",
        );
        assert.ok(!dns.some(({ from }) => from === clientAddresses.client.v4));
      }
      // Our own resolver, inside the tunnels: closed to proxies as every private address is.
      const dig = ["dig", "+short", "+tries=3", "@10.66.255.1", "udp.any.lab.example"];
      for (const { machine } of exits)
        assert.equal((await machine.must(dig)).trim(), lab.internet.web4, "control: there it answers");
      const closed = await Promise.all(exits.map((exit) => datagrams(exit, { resolver: "10.66.255.1" })));
      assert.deepEqual(closed, [{ failed: "no answer" }, { failed: "no answer" }]);
    });

    test("while they are used the client's uplink bears packets to the exit alone, and names are asked for there", async () => {
      const { oslo } = scene();
      const ways = await Promise.all(
        (["socks5", "http", "connect"] as const).map(async (kind) =>
          curlThrough(kind, await login(), oslo.v4),
        ),
      );
      const locally = ways[0]!.map((word) => word.replace("socks5h:", "socks5:"));
      await assertNothingPast(scene(), oslo, ways, locally);
    });

    test("BIND is refused (7), and a wrong password at UDP ASSOCIATE", async () => {
      const { berlin } = scene();
      assert.deepEqual(await datagrams(berlin, { command: 2 }), { reply: 7 });
      assert.deepEqual(await datagrams(berlin, { password: "wrong" }), { failed: "login 1" });
    });

    test("the proxies killed: nothing gets through past them, and they are back", async (context) => {
      const { world, berlin, exits } = scene();
      const through = curlThrough("socks5", await login(), berlin.v4);
      const strays = await captureStrays(world.client, berlin, exits);
      const download = new Transfer(world.client, undefined, 500_000, ...through);
      try {
        await until("bytes", PATIENCE_MS, () => download.bytes > 100_000);
        const dead = await berlin.machine.pidsMatching(PROXIES);
        assert.ok(dead.length > 0);
        const killedAt = performance.now();
        for (const pid of dead) signalIfAlive(pid, "SIGKILL");
        assert.notEqual(await download.ended(PATIENCE_MS), undefined, "the tunnel ended");
        await until("them to be back", PATIENCE_MS, async () => {
          return (await seenAddress(world.client, ...through)) === berlin.v4;
        });
        const backMs = performance.now() - killedAt;
        context.diagnostic(`online again after ${Math.round(backMs)} ms`);
        assert.deepEqual(await strays.stop(), []);
        assert.ok(backMs <= BACK_WITHIN_MS * 10, `${backMs} ms`);
      } finally {
        await download.stop();
        await strays.stop();
      }
    });
  });
}
