import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lab } from "../addresses.ts";
import type { ApiMember } from "../api-member.ts";
import { type Namespace, PATIENCE_MS, until } from "../namespace.ts";
import { DEVICELESS, OpenVpnClient } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import { curlThrough, type ProxyLogin } from "../proxy-client.ts";
import type { LabExit, ServicesScene } from "../services-scene.ts";
import { SshClient } from "../ssh-client.ts";
import { Transfer } from "../transfer.ts";

/** The default of lethe.toml. */
const SSH_PORT = 2222;
const SSH_SOCKS = 11_080;
const CUT_WITHIN_MS = 2000;

/** limits.sessions_per_credential of services-config.ts is 3. */
export function sessionsCases(scene: () => ServicesScene): void {
  const ssh = (on: Namespace, exit: LabExit, login: ProxyLogin): SshClient =>
    SshClient.start(on, scene().world.folder, {
      ...login,
      address: exit.v4,
      port: SSH_PORT,
      socks: SSH_SOCKS,
    });
  const openvpn = async (on: Namespace, exit: LabExit, member: ApiMember): Promise<OpenVpnClient> => {
    const vpn = await member.vpn(exit.name);
    const login = { ...vpn, profile: vpn.profile.replaceAll(exit.host, exit.v4) };
    return OpenVpnClient.start(on, scene().world.folder, login, ...DEVICELESS);
  };
  /** A download through a proxy that goes on until it is stopped, once its first bytes have come. */
  const flowing = async (on: Namespace, ...through: string[]): Promise<Transfer> => {
    const transfer = new Transfer(on, undefined, 200_000, ...through);
    await until("bytes", PATIENCE_MS, () => transfer.bytes > 50_000).catch(async (error: Error) => {
      await transfer.stop();
      throw new Error(`${error.message}; curl said: ${transfer.said}`);
    });
    return transfer;
  };
  /** What curl says of a request through a proxy: its exit code and the proxy's own status. */
  const tried = async (on: Namespace, ...through: string[]) => {
    const argv = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_connect} %{http_code}", "--max-time", "30"];
    const { code, stdout, stderr } = await on.run([...argv, ...through, `http://${lab.internet.web4}/ip`]);
    return { code, status: stdout, said: stderr };
  };

  describe("sessions over all services", () => {
    test("VPN, SSH and proxies count together, proxies of one address once; the newest is refused in its own words", async () => {
      const { world, berlin, oslo } = scene();
      const member = await scene().newMember("sessions.lab");
      const login = await scene().login(member);
      const through = (kind: "socks5" | "http" | "connect", exit = berlin) =>
        curlThrough(kind, login, exit.v4);
      const ends: (() => Promise<unknown>)[] = [];
      try {
        const vpn = await openvpn(world.internet, berlin, member);
        ends.push(() => vpn.stop());
        await vpn.online();
        const tunnel = ssh(world.client, berlin, login);
        ends.push(() => tunnel.stop());
        await tunnel.online();
        const socks = await flowing(world.client2, ...through("socks5"));
        ends.push(() => socks.stop());

        assert.equal(await seenAddress(world.client2, ...through("http")), berlin.v4, "of the same address");
        assert.equal(await seenAddress(world.client2, ...through("connect")), berlin.v4);

        assert.equal((await tried(world.client, ...through("http"))).status, "000 429");
        assert.equal((await tried(world.client, ...through("connect"))).status, "429 000");
        const refused = await tried(world.client, ...through("socks5"));
        assert.equal(refused.code, 97, refused.said);
        const another = ssh(world.client, berlin, login);
        ends.push(() => another.stop());
        await until("ssh to be refused", PATIENCE_MS, () => another.ended);
        assert.match(another.output, /too many sessions/);
        const device = await openvpn(world.internet, berlin, member);
        ends.push(() => device.stop());
        await device.line(/AUTH_FAILED,Too many sessions/, PATIENCE_MS);

        assert.equal(
          await seenAddress(world.client, ...through("http", oslo)),
          oslo.v4,
          "each exit counts its own",
        );
        const [before, flown] = [socks.bytes, vpn.ended || tunnel.ended];
        assert.equal(flown, false, "who was there stays");
        await until("the first proxy's bytes", PATIENCE_MS, () => socks.bytes > before);

        await vpn.stop();
        await until("the free place", PATIENCE_MS, async () => {
          return (await seenAddress(world.client, ...through("http"))) === berlin.v4;
        });
      } finally {
        for (const end of ends) await end();
      }
    });

    test("terminated: VPN, SSH and proxies end within 2 s, on both exits, and another member's go on", async (context) => {
      const { world, berlin, oslo, office } = scene();
      const member = await scene().newMember("cut-everywhere.lab");
      const login = await scene().login(member);
      const other = await scene().login(await scene().member("anna.lab"));
      const ends: (() => Promise<unknown>)[] = [];
      const kept = <Client extends { stop(): Promise<unknown> }>(client: Client): Client => {
        ends.push(() => client.stop());
        return client;
      };
      try {
        const vpn = kept(await openvpn(world.internet, berlin, member));
        await vpn.online();
        const tunnel = kept(ssh(world.client, berlin, login));
        await tunnel.online();
        const bySsh = kept(await flowing(world.client, "--proxy", `socks5h://127.0.0.1:${SSH_SOCKS}`));
        const socks = kept(await flowing(world.client2, ...curlThrough("socks5", login, berlin.v4)));
        const http = kept(await flowing(world.client2, ...curlThrough("http", login, oslo.v4)));
        const connect = kept(await flowing(world.client2, ...curlThrough("connect", login, oslo.v4)));
        const others = kept(await flowing(world.client2, ...curlThrough("socks5", other, berlin.v4)));

        const asked = performance.now();
        await office.mustCommand("account", "terminate", member.name);
        const commandMs = performance.now() - asked;
        const over = async (what: string, ended: () => Promise<unknown> | boolean): Promise<void> => {
          await until(`${what} to end`, PATIENCE_MS, async () => (await ended()) !== false);
          const ms = Math.round(performance.now() - asked);
          context.diagnostic(`${what}: ${ms} ms`);
          // Ten times over, for a machine that others use as well.
          assert.ok(ms <= commandMs + CUT_WITHIN_MS * 10, `${what}: ${ms} ms`);
        };
        const closed = (transfer: Transfer) => async () => (await transfer.ended(0)) !== undefined;
        await Promise.all([
          over("OpenVPN", () => vpn.ended),
          over("SSH", () => tunnel.ended),
          over("a connection through SSH", closed(bySsh)),
          over("SOCKS5", closed(socks)),
          over("HTTP", closed(http)),
          over("CONNECT", closed(connect)),
        ]);
        const before = others.bytes;
        await until("the other member's bytes", PATIENCE_MS, () => others.bytes > before);
        assert.match((await tried(world.client2, ...curlThrough("http", login, berlin.v4))).status, / 407$/);
      } finally {
        for (const end of ends) await end();
      }
    });
  });
}
