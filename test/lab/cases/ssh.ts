import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lab } from "../addresses.ts";
import type { ApiMember } from "../api-member.ts";
import { InternetServer } from "../internet-server.ts";
import { Namespace, PATIENCE_MS, signalIfAlive, until } from "../namespace.ts";
import { assertNothingPast } from "../nothing-past.ts";
import { fetchFrom, seenAddress, seenAddressV6 } from "../probes.ts";
import { clientAddresses, type LabExit, type ServicesScene } from "../services-scene.ts";
import { SshByProfile, THROUGH_SSH } from "../ssh-by-profile.ts";
import { Transfer } from "../transfer.ts";

/** limits.sessions_per_credential of services-config.ts. */
const SESSIONS_MOST = 3;
/** Ten times over, for a machine that others use as well; what it took is printed. */
const BACK_WITHIN_MS = 3000;
const CUT_WITHIN_MS = 2000;
/** Of a web server of the exit's own, which nobody is to reach through it. */
const CLOSED_PORT = 8089;
/** The command line of the exit's processes of SSH. */
const WORKERS = /(bundle\.ts|exit\.mjs) ssh\b/;

/** SSH tunnels, by the real ssh(1) and the file that the site gives, which holds the exit's own host key. */
export function sshCases(scene: () => ServicesScene): void {
  const anna = () => scene().member("anna-ssh.lab");
  const start = async (
    exit: LabExit,
    member: ApiMember,
    on: Namespace = scene().world.client,
    { password, options = [] }: { password?: string; options?: string[] } = {},
  ) => {
    const login = await scene().login(member);
    const { folder } = scene().world;
    const given = { ...login, ...(password && { password }) };
    return SshByProfile.start(on, folder, exit, member, given, ...options);
  };
  const online = async (
    exit: LabExit,
    member: ApiMember,
    on?: Namespace,
    options: string[] = [],
  ): Promise<SshByProfile> => {
    const client = await start(exit, member, on, { options });
    try {
      await client.online();
      return client;
    } catch (error) {
      await client.stop();
      throw error;
    }
  };
  const refused = async (client: SshByProfile, words: RegExp): Promise<void> => {
    try {
      await until(`${words}`, PATIENCE_MS, () => words.test(client.said)).catch((error: Error) => {
        throw new Error(`${error.message}; it said:\n${client.said}`);
      });
      await until("ssh to end", PATIENCE_MS, () => client.over);
    } finally {
      await client.stop();
    }
  };

  describe("SSH", () => {
    test("online through both exits, with their addresses, IPv4 and IPv6, by the keys that the site names", async () => {
      const { world, exits } = scene();
      for (const exit of exits) {
        const client = await online(exit, await anna());
        try {
          assert.equal(await seenAddress(world.client, ...THROUGH_SSH), exit.v4, exit.name);
          assert.equal(await seenAddressV6(world.client, ...THROUGH_SSH), exit.v6, exit.name);
        } finally {
          await client.stop();
        }
      }
      assert.equal(await seenAddress(world.client), clientAddresses.client.v4, "control: without it");
      const listed = await fetchFrom(world.internet, `${scene().office.site}/api/ssh-fingerprints-rsa`);
      for (const { host } of exits)
        assert.match(listed ?? "", new RegExp(`^${host}\tSHA256:[A-Za-z0-9+/]{43}$`, "m"));
    });

    test("while it is used the client's uplink bears packets to the exit alone, and names are asked for there", async () => {
      const { oslo } = scene();
      const client = await online(oslo, await anna());
      try {
        const [, address = ""] = THROUGH_SSH;
        const locally = ["--proxy", address.replace("socks5h:", "socks5:")];
        await assertNothingPast(scene(), oslo, [THROUGH_SSH], locally);
      } finally {
        await client.stop();
      }
    });

    test("no shell, no command, no files, no way back, no X11 and no agent", async () => {
      const { world, berlin } = scene();
      const member = await anna();
      const login = await scene().login(member);
      const run = (options: string[], words: string[] = [], env: Record<string, string> = {}) =>
        SshByProfile.run(world.client, world.folder, berlin, member, login, { options, words, env });
      const plain = ["-o", "SessionType=default", "-o", "ClearAllForwardings=yes"];
      assert.match((await run([...plain, "-T"])).stderr, /administratively prohibited/);
      assert.match((await run([...plain, "-T"], ["id"])).stderr, /administratively prohibited/);
      assert.match(
        (await run(["-o", "SessionType=subsystem", "-T"], ["sftp"])).stderr,
        /administratively prohibited/,
      );
      const back = await run(["-N", "-o", "ExitOnForwardFailure=yes", "-R", "9999:127.0.0.1:1"]);
      assert.match(back.stderr, /remote port forwarding failed/);
      // What a program would use had ssh got it the session; neither may so much as be asked for.
      const more = ["-v", "-T", "-o", "ForwardX11Trusted=yes", "-X", "-o", "ForwardAgent=/dev/null"];
      const { stderr } = await run([...plain, ...more], ["id"], { DISPLAY: "127.0.0.1:99" });
      assert.match(stderr, /administratively prohibited/);
      assert.doesNotMatch(stderr, /Requesting (X11|authentication agent) forwarding/);
    });

    test("no destination that the exit's policy closes, by -D and by -L; -L leads to public ones by address and by name", async () => {
      const { world, berlin } = scene();
      const own = new Namespace(berlin.machine.name);
      const metadata = ["169.254.169.254/32", "dev", "lo"];
      await own.must(["ip", "address", "add", ...metadata]);
      // Something that would answer, on every address of the exit's.
      const answering = await InternetServer.start(own, "web", String(CLOSED_PORT));
      const open = { 8081: `${lab.internet.web4}:80`, 8082: "web4.lab.example:80" };
      const forwards = { ...open, 8083: `127.0.0.1:${CLOSED_PORT}` };
      const client = await online(
        berlin,
        await anna(),
        world.client,
        Object.entries(forwards).flatMap(([port, to]) => ["-L", `127.0.0.1:${port}:${to}`]),
      );
      const refused = () => client.said.split("open failed").length - 1;
      const assertClosed = async (url: string, ...through: string[]): Promise<void> => {
        const before = refused();
        assert.equal(await fetchFrom(world.client, url, ...through), undefined, url);
        await until(`ssh to say so of ${url}`, PATIENCE_MS, () => refused() > before);
      };
      try {
        for (const address of [
          "127.0.0.1",
          "[::1]",
          "10.66.255.1",
          berlin.v4,
          `[${berlin.v6}]`,
          "169.254.169.254",
        ]) {
          const url = `http://${address}:${CLOSED_PORT}/ip`;
          assert.notEqual(await fetchFrom(own, url), undefined, `control: the machine itself has ${url}`);
          await assertClosed(url, ...THROUGH_SSH);
        }
        await assertClosed("http://127.0.0.1:8083/ip");
        for (const port of Object.keys(open))
          assert.equal(await fetchFrom(world.client, `http://127.0.0.1:${port}/ip`), berlin.v4, `-L ${port}`);
        assert.equal(
          await seenAddress(world.client, ...THROUGH_SSH),
          berlin.v4,
          "control: what is open is reached",
        );
      } finally {
        await client.stop();
        answering.kill();
        await own.must(["ip", "address", "del", ...metadata]);
      }
    });

    test("a wrong password, and an account whose paid time is over, are refused in ssh's own words", async () => {
      const { berlin } = scene();
      await refused(await start(berlin, await anna(), undefined, { password: "wrong" }), /Permission denied/);
      await refused(await start(berlin, await scene().expired()), /The paid time of this account is over/);
      await (await online(berlin, await anna())).stop();
    });

    test("two devices are online at once; one session more than the limit is refused, and those before it stay", async () => {
      const { world, berlin } = scene();
      const member = await scene().newMember("many-ssh.lab");
      const first = await online(berlin, member, world.client2);
      const release = await scene().holdSessions(member, berlin, SESSIONS_MOST - 2);
      try {
        const second = await online(berlin, member);
        try {
          assert.equal(await seenAddress(world.client, ...THROUGH_SSH), berlin.v4);
          assert.equal(await seenAddress(world.client2, ...THROUGH_SSH), berlin.v4);
          await refused(await start(berlin, member), /too many sessions on this server/);
          assert.equal(await seenAddress(world.client2, ...THROUGH_SSH), berlin.v4, "the ones before go on");
        } finally {
          await second.stop();
        }
      } finally {
        await release();
        await first.stop();
      }
    });

    test("its processes killed: the client is told, they are back, and it connects again", async (context) => {
      const { world, berlin } = scene();
      const client = await online(berlin, await anna());
      const dead = await berlin.machine.pidsMatching(WORKERS);
      assert.ok(dead.length > 0);
      const killedAt = performance.now();
      for (const pid of dead) signalIfAlive(pid, "SIGKILL");
      await until("ssh to end", PATIENCE_MS, () => client.over).finally(() => client.stop());
      assert.equal(
        await seenAddress(world.client, ...THROUGH_SSH),
        undefined,
        "closed: nothing past the tunnel",
      );
      await until("them to be back", PATIENCE_MS, async () => {
        const now = await berlin.machine.pidsMatching(WORKERS);
        return now.length >= dead.length && !now.some((pid) => dead.includes(pid));
      });
      const backMs = performance.now() - killedAt;
      context.diagnostic(`back after ${Math.round(backMs)} ms`);
      const again = await until("a new connection", PATIENCE_MS, () =>
        anna()
          .then((member) => online(berlin, member))
          .catch(() => undefined),
      );
      try {
        assert.equal(await seenAddress(world.client, ...THROUGH_SSH), berlin.v4);
      } finally {
        await again.stop();
      }
      assert.ok(backMs <= BACK_WITHIN_MS * 10, `${backMs} ms`);
    });

    test("terminated: the session ends within 2 s, no new one begins, and another member's goes on", async (context) => {
      const { world, berlin, office } = scene();
      const member = await scene().newMember("gone-ssh.lab");
      const client = await online(berlin, member);
      const other = await online(berlin, await anna(), world.client2);
      const download = new Transfer(world.client, undefined, 500_000, ...THROUGH_SSH);
      try {
        await until("bytes", PATIENCE_MS, () => download.bytes > 100_000);
        const asked = performance.now();
        await office.mustCommand("account", "terminate", member.name);
        const commandMs = performance.now() - asked;
        await until("ssh to end", PATIENCE_MS, () => client.over);
        const ms = performance.now() - asked;
        context.diagnostic(`over ${Math.round(ms)} ms after the command began`);
        assert.ok(ms <= commandMs + CUT_WITHIN_MS * 10, `${ms} ms`);
        assert.equal(await seenAddress(world.client2, ...THROUGH_SSH), berlin.v4, "the other goes on");
        await refused(await start(berlin, member), /Permission denied/);
      } finally {
        await download.stop();
        await client.stop();
        await other.stop();
      }
    });
  });
}
