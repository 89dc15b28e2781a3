import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lab } from "../addresses.ts";
import { Datagrams } from "../datagrams.ts";
import { InternetServer } from "../internet-server.ts";
import { type Namespace, PATIENCE_MS, until } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { curlThrough } from "../proxy-client.ts";
import type { ServicesScene } from "../services-scene.ts";
import { Transfer } from "../transfer.ts";

const { web4, web6, trap } = lab.internet;
/** Another port of the internet's web server, beside 80. */
const OTHER_PORT = 8081;
/** From the end of the operator's command on; ten times over, for a machine that others use as well, and what it took is printed. */
const KNOWN_WITHIN_MS = 10_000;

/** A way to a server, and curl's exit code where it is told that it may not go there: not that of its time limit (curl(1), EXIT CODES). */
interface Way {
  name: string;
  on: Namespace;
  options: string[];
  refused: number;
}

async function connect({ on, options }: Way, host: string, port: number) {
  const url = `http://${host}:${port}/ip`;
  const { code, stdout } = await on.run(["curl", "-sS", "--fail", "--max-time", "20", ...options, url]);
  return { code, body: stdout.trim() };
}

async function refuses(ways: readonly Way[], host: string, port = 80): Promise<void> {
  for (const way of ways) {
    const where = `${way.name} to ${host} port ${port}`;
    const code = await until(`${where} to be closed`, KNOWN_WITHIN_MS * 10, async () => {
      const answer = await connect(way, host, port);
      return answer.code !== 0 && answer.code;
    });
    assert.equal(code, way.refused, where);
  }
}

async function opensAgain(ways: readonly Way[], host: string, port = 80): Promise<void> {
  for (const way of ways)
    await until(`${way.name} to ${host} port ${port} to be open again`, KNOWN_WITHIN_MS * 10, async () => {
      return (await connect(way, host, port)).code === 0;
    });
}

/** What the operator closes on one server after a complaint: `lethe server block-port` and `block-range`. */
export function blockedCases(scene: () => ServicesScene): void {
  const tell = (verb: "block" | "unblock", ports: readonly number[], range: string) => {
    const { office, oslo } = scene();
    return Promise.all([
      ...ports.map((port) => office.mustCommand("server", `${verb}-port`, oslo.name, String(port))),
      office.mustCommand("server", `${verb}-range`, oslo.name, range),
    ]);
  };
  const open = async (ways: readonly Way[], host: string, port = 80): Promise<void> => {
    const { v4, v6 } = scene().oslo;
    for (const way of ways) {
      const { code, body } = await connect(way, host, port);
      const where = `${way.name} to ${host} port ${port}`;
      assert.deepEqual([code, body], [0, host.startsWith("[") ? v6 : v4], where);
    }
  };

  describe("what an operator blocks on a server", () => {
    test("a port and an address: refused at once through OpenVPN and SOCKS5; what was open to them ends, all else goes on, and both are open again afterwards", async (context) => {
      const { world, oslo } = scene();
      const login = await (await scene().member("blocked.lab")).vpn(oslo.name);
      const socks5 = curlThrough("socks5", login, oslo.v4);
      const ways: Way[] = [
        { name: "OpenVPN", on: world.client, options: [], refused: 7 },
        { name: "SOCKS5", on: world.client2, options: socks5, refused: 97 },
      ];
      const stranger: Way = { name: "a stranger", on: world.internet, options: [], refused: 7 };
      const vpn = OpenVpnClient.start(world.client, world.folder, login);
      const servers: InternetServer[] = [];
      const sockets: Datagrams[] = [];
      const downloads: { onBlocked: Transfer; elsewhere: Transfer }[] = [];
      try {
        await vpn.online();
        const mark = vpn.output.length;
        const [, , c = 0, d = 0] = (await vpn.tunnelAddress(world.client)).split(".").map(Number);
        const forwarded = 10_000 + (((c & 15) << 8) | d);
        servers.push(await InternetServer.start(world.internet, "web", String(OTHER_PORT)));
        servers.push(await InternetServer.start(world.client, "web", String(forwarded)));
        const web = await Datagrams.bind(world.internet, web4, 80);
        sockets.push(web);
        /** From a port of its own each time: a datagram that answers to, or follows, one of before goes through. */
        const send = async (port: number, text: string): Promise<void> => {
          const socket = await Datagrams.bind(world.client, "0.0.0.0", port);
          sockets.push(socket);
          socket.send(web4, 80, text);
        };
        const heard = (text: string) => web.received.some((received) => received.text === text);
        const elsewhere = ["--connect-to", `${web4}:80:${web4}:${OTHER_PORT}`];
        for (const { on, options } of ways)
          downloads.push({
            onBlocked: new Transfer(on, undefined, 100_000, ...options),
            elsewhere: new Transfer(on, undefined, 100_000, ...options, ...elsewhere),
          });
        await until("bytes", PATIENCE_MS, () =>
          downloads.every((each) => each.onBlocked.bytes > 0 && each.elsewhere.bytes > 0),
        );

        await open(ways, web4);
        await open(ways, trap, OTHER_PORT);
        assert.equal((await connect(stranger, oslo.v4, forwarded)).code, 0);
        await send(40_011, "before");
        await until("the datagram", PATIENCE_MS, () => heard("before"));

        await tell("block", [80, forwarded], trap);
        const toldAt = performance.now();
        await refuses(ways, web4);
        context.diagnostic(`refused ${Math.round(performance.now() - toldAt)} ms after the command`);
        await refuses(ways, `[${web6}]`);
        await refuses(ways, trap, OTHER_PORT);
        await refuses([stranger], oslo.v4, forwarded);
        await send(40_012, "while it is blocked");
        await open(ways, web4, OTHER_PORT);
        await open(ways, `[${web6}]`, OTHER_PORT);
        for (const { onBlocked } of downloads) {
          const code = await onBlocked.ended(KNOWN_WITHIN_MS * 10);
          assert.ok(
            code !== undefined && code !== 0,
            `what was open to a blocked port is broken off: ${code}`,
          );
        }
        const bytes = downloads.map((each) => each.elsewhere.bytes);
        await until("what is open elsewhere to go on", PATIENCE_MS, () =>
          downloads.every((each, index) => each.elsewhere.bytes > bytes[index]!),
        );
        assert.ok(!heard("while it is blocked"));

        await tell("unblock", [80, forwarded], trap);
        await opensAgain(ways, web4);
        await opensAgain(ways, trap, OTHER_PORT);
        await opensAgain([stranger], oslo.v4, forwarded);
        await send(40_013, "after");
        await until("the datagram", PATIENCE_MS, () => heard("after"));
        const restarts = /SIGUSR1|SIGTERM|Initialization Sequence/;
        assert.ok(!vpn.output.slice(mark).some((line) => restarts.test(line)), "the session stayed");
      } finally {
        for (const each of downloads) await Promise.all([each.onBlocked.stop(), each.elsewhere.stop()]);
        for (const server of servers) server.kill();
        await Promise.all(sockets.map((socket) => socket.close()));
        await vpn.stop();
      }
    });
  });
}
