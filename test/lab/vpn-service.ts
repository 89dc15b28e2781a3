import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lab } from "./addresses.ts";
import type { ApiMember } from "./api-member.ts";
import { type Capture, startCapture } from "./capture.ts";
import { withoutOurFirewall } from "./firewall.ts";
import { hashOfBytes } from "./internet.ts";
import type { Machine } from "./machine.ts";
import { type Namespace, PATIENCE_MS, signalIfAlive, until } from "./namespace.ts";
import { resolve, seenAddress, seenAddressV6 } from "./probes.ts";
import { clientAddresses, type LabExit, type ServicesScene } from "./services-scene.ts";
import { Transfer } from "./transfer.ts";

/** A real client, started as its user would start it. */
export interface VpnClient {
  /** Resolves when it says that its tunnel is up; throws with what it said where that does not come. */
  online(timeoutMs?: number): Promise<unknown>;
  /** Everything that it has said. */
  said(): string;
  stop(): Promise<void>;
}

export interface VpnClientOptions {
  on: Namespace;
  /** For files of its own. */
  folder: string;
  exit: LabExit;
  member: ApiMember;
  /** The VPN username and password to log in with, where the service has them. */
  login: { username: string; password: string };
}

/** A service that carries all traffic of a client, as the cases below need to know it. */
export interface VpnService {
  /** As in the status list, `WireGuard`. */
  name: string;
  start(options: VpnClientOptions): Promise<VpnClient>;
  /** A new client with what it was given before, where `start` asks the site for it, which a terminated member cannot. */
  startAgain?(options: VpnClientOptions): Promise<VpnClient>;
  /** The command lines of the engine's processes on an exit (not of the exit's tests of itself). */
  engine: RegExp;
  /** What the client itself says; left out where the service has no words for it: then nothing gets through. */
  refusals: { wrong?: RegExp; expired?: RegExp; tooMany?: RegExp };
  /** Whether a wrong password exists at all (WireGuard has none). */
  passwords: boolean;
  /**
   * The client takes its device down for a moment where a server that was started anew gives it another address: its own
   * kill switch, or the guarded file for Linux (cases/profiles.ts), is for that.
   */
  opensDeviceAnew?: boolean;
}

/** Tunnel addresses of every service (exit/tunnel-plan.ts). */
const TUNNELS = "net 10.66.0.0/16 or net 10.96.0.0/11 or ip6 net fd6c:6574:6865::/48";
const BACK_WITHIN_MS = 3000;
const CUT_WITHIN_MS = 2000;
/** limits.sessions_per_credential of services-config.ts. */
const SESSIONS_MOST = 3;

/** What a service of this kind promises, each with a control that shows that the test can see the opposite. */
export function vpnServiceCases(service: VpnService, scene: () => ServicesScene): void {
  const slug = service.name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

  const started = async (
    exit: LabExit,
    member: ApiMember,
    on: Namespace = scene().world.client,
    login?: { username: string; password: string },
  ): Promise<VpnClient> =>
    service.start({
      on,
      folder: scene().world.folder,
      exit,
      member,
      login: login ?? (await scene().login(member)),
    });
  const online = async (exit: LabExit, member: ApiMember, on?: Namespace): Promise<VpnClient> => {
    const client = await started(exit, member, on);
    try {
      await client.online();
      return client;
    } catch (error) {
      await client.stop();
      throw error;
    }
  };
  // Its own, and not the other services': their sessions that are just ending would count against the limit.
  const anna = () => scene().member(`anna-${slug}.lab`);

  describe(service.name, () => {
    test("online through both exits, with their addresses, IPv4 and IPv6", async () => {
      const { world, exits } = scene();
      for (const exit of exits) {
        const client = await online(exit, await anna());
        try {
          assert.equal(await seenAddress(world.client), exit.v4, exit.name);
          assert.equal(await seenAddressV6(world.client), exit.v6, exit.name);
        } finally {
          await client.stop();
        }
      }
      assert.equal(await seenAddress(world.client), clientAddresses.client.v4, "control: without it");
      assert.equal(await seenAddressV6(world.client), clientAddresses.client.v6, "control: without it");
    });

    test("while traffic runs the client's uplink bears packets to the exit alone, and DNS goes through the tunnel", async () => {
      const { world, oslo, exits } = scene();
      const name = `q${slug}.any.lab.example`;
      /** Uses the web both ways and in bulk, and asks for a name: as whom the web saw it, and who asked whom for the name. */
      const use = async () => {
        await world.forget();
        const seen = [await seenAddress(world.client), await seenAddressV6(world.client)];
        await resolve(world.client, name, lab.internet.foreignResolver);
        const download = new Transfer(world.client, 2_000_000, 4_000_000);
        try {
          assert.equal(await download.ended(PATIENCE_MS), 0, download.said);
        } finally {
          await download.stop();
        }
        const asked = (await world.seen("forget")).dns.filter((question) => question.name === name);
        return { seen, asked };
      };
      const client = await online(oslo, await anna());
      const strays = await captureStrays(world.client, oslo, exits);
      try {
        const { seen, asked } = await use();
        assert.deepEqual(seen, [oslo.v4, oslo.v6], "control: the traffic ran");
        assert.ok(asked.length > 0, "control: somebody was asked");
        for (const { server, from } of asked) {
          assert.equal(server, lab.internet.resolver);
          assert.equal(from, oslo.v4);
        }
        assert.deepEqual(await strays.stop(), []);
      } finally {
        await strays.stop();
        await client.stop();
      }
      const control = await captureStrays(world.client, oslo, exits);
      try {
        const { asked } = await use();
        assert.ok((await control.stop()).length > 20, "control: without the tunnel they are seen");
        assert.ok(
          asked.some(({ server }) => server === lab.internet.foreignResolver),
          "control",
        );
      } finally {
        await control.stop();
      }
    });

    if (service.passwords)
      test("a wrong password is refused in the client's own words, and the right one works afterwards", async () => {
        const member = await anna();
        const login = await scene().login(member);
        const last = login.password.endsWith("a") ? "b" : "a";
        const wrong = { ...login, password: `${login.password.slice(0, -1)}${last}` };
        await assertRefused(await started(scene().berlin, member, scene().world.client, wrong), "wrong");
        await (await online(scene().berlin, member)).stop();
      });

    test("one session more than the limit is refused, and those before it stay", async () => {
      const { world, berlin } = scene();
      const member = await scene().newMember(`many-${slug}.lab`);
      const others: VpnClient[] = [];
      const release = await scene().holdSessions(member, berlin, SESSIONS_MOST - 1);
      try {
        others.push(await online(berlin, member, world.client2));
        assert.equal(await seenAddress(world.client2), berlin.v4, "control: the last that fits");
        // WireGuard's handshakes are dated in whole seconds: which of two in the same was first nobody can say.
        if (!service.passwords) await sleep(1100);
        await assertRefused(await started(berlin, member), "tooMany");
        assert.equal(await seenAddress(world.client2), berlin.v4, "the one before goes on");
      } finally {
        for (const other of others) await other.stop();
        await release();
      }
    });

    test("two devices of one member are online at once", async () => {
      const { world, berlin } = scene();
      const member = await scene().newMember(`two-${slug}.lab`);
      const first = await online(berlin, member, world.client);
      try {
        const second = await online(berlin, member, world.client2);
        try {
          for (let round = 0; round < 3; round++) {
            assert.equal(await seenAddress(world.client), berlin.v4);
            assert.equal(await seenAddress(world.client2), berlin.v4);
          }
        } finally {
          await second.stop();
        }
      } finally {
        await first.stop();
      }
    });

    // What a client lets past while it opens its device anew only its guarded file keeps back: cases/guarded.ts.
    const where = service.opensDeviceAnew === true ? "at the exit" : "on either side";
    test(`the engine killed under traffic: nothing leaks ${where}, it is back in 3 s, the client by itself`, async (context) => {
      const { world, berlin, exits } = scene();
      const client = await online(berlin, await anna());
      const strays = await captureStrays(world.client, berlin, exits);
      const bare = await startCapture(berlin.machine, "eth0", TUNNELS);
      const download = new Transfer(world.client, undefined, 2_000_000);
      try {
        await until("bytes", PATIENCE_MS, () => download.bytes > 500_000);
        const killedAt = performance.now();
        const backMs = await killAndWait(berlin.machine, service.engine);
        context.diagnostic(`engine back after ${Math.round(backMs)} ms`);
        await until(
          () => `the client; it said:\n${client.said()}`,
          2 * PATIENCE_MS,
          async () => (await seenAddress(world.client)) === berlin.v4,
        );
        context.diagnostic(`client online again after ${Math.round(performance.now() - killedAt)} ms`);
        assert.deepEqual(await bare.stop(), [], "no packet with a tunnel's address on the exit's uplink");
        const past = await strays.stop();
        if (service.opensDeviceAnew !== true)
          assert.deepEqual(past, [], "no packet past the tunnel on the client's uplink");
        assert.ok(backMs <= BACK_WITHIN_MS * 10, `${backMs} ms`);
      } finally {
        await download.stop();
        await bare.stop();
        await strays.stop();
        await client.stop();
      }
    });

    test("control: with our firewall gone the same look at the exit's uplink sees tunnel addresses", async () => {
      const { world, berlin } = scene();
      const client = await online(berlin, await anna());
      const bare = await startCapture(berlin.machine, "eth0", TUNNELS);
      try {
        await withoutOurFirewall(
          berlin.machine,
          async () => {
            for (let tries = 0; tries < 20 && bare.packets().length === 0; tries++)
              await seenAddress(world.client, "--max-time", "1");
          },
          false,
        );
        assert.notDeepEqual(await bare.stop(), []);
      } finally {
        await bare.stop();
        await client.stop();
      }
    });

    test("a download across a restart of our processes ends with the right hash", async (context) => {
      const { world, berlin, office } = scene();
      const client = await online(berlin, await anna());
      // It has no end of its own: however long a restart takes, it goes on, and no longer.
      const download = new Transfer(world.client, undefined, 500_000);
      try {
        await until("bytes", PATIENCE_MS, () => download.bytes > 500_000);
        const at = performance.now();
        await office.restart();
        const { bytes } = download;
        context.diagnostic(`restarted in ${Math.round(performance.now() - at)} ms at ${bytes} bytes`);
        await until("bytes after the restart", PATIENCE_MS, () => download.bytes > bytes + 500_000);
        world.endDownload(download.mark);
        assert.equal(await download.ended(PATIENCE_MS), 0, download.said);
        assert.equal(download.hash(), hashOfBytes(download.bytes));
      } finally {
        await download.stop();
        await client.stop();
      }
    });

    test("terminated: the session ends within 2 s, no new one begins, and another member's goes on", async (context) => {
      const { world, berlin, office } = scene();
      const member = await scene().newMember(`gone-${slug}.lab`);
      const login = await scene().login(member);
      const client = await online(berlin, member);
      const other = await online(berlin, await anna(), world.client2);
      const download = new Transfer(world.client, undefined, 500_000);
      const others = new Transfer(world.client2, undefined, 500_000);
      try {
        await until("bytes", PATIENCE_MS, () => download.bytes > 100_000 && others.bytes > 100_000);
        const { ms, commandMs } = await stopsAfter(download, () =>
          office.mustCommand("account", "terminate", member.name),
        );
        const took = `cut after ${Math.round(ms)} ms, the command's ${Math.round(commandMs)} among them`;
        context.diagnostic(took);
        assert.ok(ms <= commandMs + CUT_WITHIN_MS * 10, took);
        const before = others.bytes;
        await until("the other member's bytes", PATIENCE_MS, () => others.bytes > before);
        await client.stop();
        const { folder } = world;
        const again = { on: world.client, folder, exit: berlin, member, login };
        await assertRefused(await (service.startAgain ?? service.start)(again), "wrong");
      } finally {
        await download.stop();
        await others.stop();
        await client.stop();
        await other.stop();
      }
    });

    // Last: by now his time is over in most runs.
    test("an account whose paid time is over is refused", async () => {
      const member = await scene().expired();
      await assertRefused(await started(scene().berlin, member), "expired");
    });
  });

  /** The client says that it may not, or has no words for it and nothing gets through. */
  async function assertRefused(client: VpnClient, why: keyof VpnService["refusals"]): Promise<void> {
    const { world } = scene();
    const words = service.refusals[why];
    try {
      if (words === undefined) {
        const getsThrough = async (): Promise<boolean> =>
          (await seenAddress(world.client, "--max-time", "4")) === scene().berlin.v4;
        // Nobody is asked before a tunnel without words begins: that it is one too many is seen a moment later.
        if (why === "tooMany") await until("it to be cut", PATIENCE_MS, async () => !(await getsThrough()));
        else await sleep(3000);
        for (let tries = 0; tries < 2; tries++) assert.ok(!(await getsThrough()), "it got through");
      } else {
        await until(`${words}`, PATIENCE_MS, () => words.test(client.said())).catch((error: Error) => {
          throw new Error(`${error.message}; it said:\n${client.said()}`);
        });
      }
    } finally {
      await client.stop();
    }
  }
}

/**
 * What OpenVPN's server at `address` may still send over UDP to a client that has said goodbye (its end is scheduled 5 s
 * later), and the client's kernel's answer that nobody is there: of another client than the one in question. pcap-filter(7).
 */
function lastWords(address: string): string {
  const nobodyThere = address.includes(":") ? "icmp6 and ip6[40] == 1" : "icmp[icmptype] == icmp-unreach";
  return `(udp and src host ${address}) or (dst host ${address} and ${nobodyThere})`;
}

/** Packets on a client's uplink that are neither to nor from the exit, nor the link's own housekeeping, nor the end of former sessions. */
export function captureStrays(
  client: Namespace,
  exit: LabExit,
  former: readonly LabExit[],
): Promise<Capture> {
  return captureOthers(client, `host ${exit.v4} or host ${exit.v6}`, former);
}

/** The same, with what is no stray said in pcap-filter(7)'s words. */
export async function captureOthers(
  client: Namespace,
  allowed: string,
  former: readonly LabExit[],
): Promise<Capture> {
  // Over TCP the last words have no end of their own: they are waited for.
  const closing = ["fin-wait-1", "fin-wait-2", "last-ack", "closing"].flatMap((state) => ["state", state]);
  await until("former connections to the exits to be over", 2 * PATIENCE_MS, async () => {
    const shown = await client.must(["ss", "-Htan", ...closing]);
    return !former.some(({ v4, v6 }) => shown.includes(v4) || shown.includes(v6));
  });
  const housekeeping = "arp or (icmp6 and (ip6[40] >= 133 and ip6[40] <= 137)) or (icmp6 and ip6[40] == 143)";
  const ends = former.flatMap(({ v4, v6 }) => [v4, v6]).map((address) => ` and not (${lastWords(address)})`);
  return startCapture(client, "eth0", `not (${allowed}) and not (${housekeeping})${ends.join("")}`);
}

/** SIGKILLs the processes, and waits until others like them run and are the same for a moment; how long that took, in ms. */
async function killAndWait(machine: Machine, pattern: RegExp): Promise<number> {
  const dead = await machine.pidsMatching(pattern);
  assert.ok(dead.length > 0, `no process is like ${pattern}`);
  const killedAt = performance.now();
  for (const pid of dead) signalIfAlive(pid, "SIGKILL");
  await until("the engine to be back", PATIENCE_MS, async () => {
    const now = await machine.pidsMatching(pattern);
    return now.length >= dead.length && !now.some((pid) => dead.includes(pid));
  });
  return performance.now() - killedAt;
}

/** Does `what`; how long after it was asked for the last byte came, and how long the asking took, in ms. Throws where they never stop. */
async function stopsAfter(
  download: Transfer,
  what: () => Promise<unknown>,
): Promise<{ ms: number; commandMs: number }> {
  const started = performance.now();
  let lastAt = started;
  let bytes = download.bytes;
  await what();
  const commandMs = performance.now() - started;
  await until("the bytes to stop", PATIENCE_MS, () => {
    if (download.bytes !== bytes) {
      bytes = download.bytes;
      lastAt = performance.now();
    }
    return performance.now() - lastAt > 2000;
  });
  return { ms: lastAt - started, commandMs };
}
