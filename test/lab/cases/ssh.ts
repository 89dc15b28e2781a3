import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ApiMember } from "../api-member.ts";
import { type Namespace, signalIfAlive, until } from "../namespace.ts";
import { fetchFrom, seenAddress, seenAddressV6 } from "../probes.ts";
import { clientAddresses, type LabExit, type ServicesScene } from "../services-scene.ts";
import { SshByProfile, THROUGH_SSH } from "../ssh-by-profile.ts";
import { Transfer } from "../transfer.ts";
import { captureStrays } from "../vpn-service.ts";

/** limits.sessions_per_credential of services-config.ts. */
const SESSIONS_MOST = 3;
/** The command line of the exit's processes of SSH. */
const WORKERS = /(bundle\.ts|exit\.mjs) ssh\b/;

/** SSH tunnels, by the real ssh(1) and the file that the site gives, which holds the exit's own host key. */
export function sshCases(scene: () => ServicesScene): void {
  const anna = () => scene().member("anna-ssh.lab");
  const start = async (
    exit: LabExit,
    member: ApiMember,
    on: Namespace = scene().world.client,
    password?: string,
  ) => {
    const login = await scene().login(member);
    const { folder } = scene().world;
    return SshByProfile.start(on, folder, exit, member, { ...login, ...(password && { password }) });
  };
  const online = async (exit: LabExit, member: ApiMember, on?: Namespace): Promise<SshByProfile> => {
    const client = await start(exit, member, on);
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
      await until(`${words}`, 30_000, () => words.test(client.said)).catch((error: Error) => {
        throw new Error(`${error.message}; it said:\n${client.said}`);
      });
      await until("ssh to end", 30_000, () => client.over);
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

    test("while it is used the client's uplink bears packets to the exit alone", async () => {
      const { world, oslo } = scene();
      const use = async (...options: string[]): Promise<void> => {
        await seenAddress(world.client, ...options);
        const download = new Transfer(world.client, 2_000_000, 4_000_000, ...options);
        assert.equal(await download.ended(20_000), 0, download.said);
      };
      const client = await online(oslo, await anna());
      const strays = await captureStrays(world.client, oslo, scene().exits);
      try {
        await use(...THROUGH_SSH);
        assert.deepEqual(await strays.stop(), []);
      } finally {
        await strays.stop();
        await client.stop();
      }
      const control = await captureStrays(world.client, oslo, scene().exits);
      await use();
      assert.ok((await control.stop()).length > 20, "control: without the tunnel they are seen");
    });

    test("no shell, no command, no files, no way back, and no destination that the exit's policy closes", async () => {
      const { world, berlin } = scene();
      const member = await anna();
      const login = await scene().login(member);
      const run = (options: string[], words: string[] = []) =>
        SshByProfile.run(world.client, world.folder, berlin, member, login, options, words);
      const plain = ["-o", "SessionType=default", "-o", "ClearAllForwardings=yes"];
      assert.match((await run([...plain, "-T"])).stderr, /administratively prohibited/);
      assert.match((await run([...plain, "-T"], ["id"])).stderr, /administratively prohibited/);
      assert.match(
        (await run(["-o", "SessionType=subsystem", "-T"], ["sftp"])).stderr,
        /administratively prohibited/,
      );
      const back = await run(["-N", "-o", "ExitOnForwardFailure=yes", "-R", "9999:127.0.0.1:1"]);
      assert.match(back.stderr, /remote port forwarding failed/);
      const client = await online(berlin, member);
      try {
        for (const closed of ["127.0.0.1:22", "10.66.255.1:53", `${berlin.v4}:2222`, "169.254.169.254:80"]) {
          assert.equal(await fetchFrom(world.client, `http://${closed}/`, ...THROUGH_SSH), undefined, closed);
          await until("ssh to say so", 5000, () => client.said.includes("open failed"));
        }
        assert.equal(
          await seenAddress(world.client, ...THROUGH_SSH),
          berlin.v4,
          "control: what is open is reached",
        );
      } finally {
        await client.stop();
      }
    });

    test("a wrong password, and an account whose paid time is over, are refused in ssh's own words", async () => {
      const { berlin } = scene();
      await refused(await start(berlin, await anna(), undefined, "wrong"), /Permission denied/);
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
      await until("ssh to end", 20_000, () => client.over);
      assert.equal(
        await seenAddress(world.client, ...THROUGH_SSH),
        undefined,
        "closed: nothing past the tunnel",
      );
      await until("them to be back", 30_000, async () => {
        const now = await berlin.machine.pidsMatching(WORKERS);
        return now.length >= dead.length && !now.some((pid) => dead.includes(pid));
      });
      context.diagnostic(`back after ${Math.round(performance.now() - killedAt)} ms`);
      const again = await until("a new connection", 30_000, () =>
        anna()
          .then((member) => online(berlin, member))
          .catch(() => undefined),
      );
      assert.equal(await seenAddress(world.client, ...THROUGH_SSH), berlin.v4);
      await again.stop();
    });

    test("terminated: the session ends within 2 s, no new one begins, and another member's goes on", async (context) => {
      const { world, berlin, office } = scene();
      const member = await scene().newMember("gone-ssh.lab");
      const client = await online(berlin, member);
      const other = await online(berlin, await anna(), world.client2);
      try {
        const download = new Transfer(world.client, undefined, 500_000, ...THROUGH_SSH);
        await until("bytes", 10_000, () => download.bytes > 100_000);
        const asked = performance.now();
        await office.mustCommand("account", "terminate", member.name);
        await until("ssh to end", 20_000, () => client.over);
        const ms = performance.now() - asked;
        context.diagnostic(`over ${Math.round(ms)} ms after the command began`);
        assert.ok(ms < 20_000);
        await download.stop();
        assert.equal(await seenAddress(world.client2, ...THROUGH_SSH), berlin.v4, "the other goes on");
        await refused(await start(berlin, member), /Permission denied/);
      } finally {
        await client.stop();
        await other.stop();
      }
    });
  });
}
