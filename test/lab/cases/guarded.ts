import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lab } from "../addresses.ts";
import { startCapture } from "../capture.ts";
import { fleet } from "../fleet-world.ts";
import { PATIENCE_MS, signalIfAlive, until } from "../namespace.ts";
import { resolve, seenAddress, seenAddressV6 } from "../probes.ts";
import { type OpenvpnKind, Programs } from "../programs.ts";
import { routeByDhcp } from "../rogue-dhcp.ts";
import { clientAddresses, type ServicesScene } from "../services-scene.ts";
import { Transfer } from "../transfer.ts";
import { captureStrays } from "../vpn-service.ts";

interface Way {
  name: string;
  kind: OpenvpnKind;
  /** The same without the kill switch: files that another system gets. */
  plain: readonly [kind: OpenvpnKind, system: string];
  /** The server's processes that it goes through. */
  engine: RegExp;
}

const OPENVPN = /openvpn .*--config (?!stdin)/;
const WAYS: readonly Way[] = [
  { name: "OpenVPN", kind: "openvpn-guarded", plain: ["openvpn", "linux"], engine: OPENVPN },
  {
    name: "OpenVPN in TLS",
    kind: "stealth-tls",
    plain: ["stealth-tls", "macos"],
    engine: /stunnel4 .*stealth-tls\.conf/,
  },
  {
    name: "OpenVPN in obfs4",
    kind: "stealth-obfs4",
    plain: ["stealth-obfs4", "macos"],
    engine: /obfs4proxy .*stealth-obfs4-/,
  },
];

/** A port of an exit's that no tunnel goes through: SOCKS5's. */
const ANOTHER_PORT = 1080;

/** The files for Linux with a kill switch: what breaks, and nothing leaves the machine. */
export function guardedCases(scene: () => ServicesScene): void {
  const own = clientAddresses.client;

  /** What a member does, while a tunnel may be broken. */
  const use = async (): Promise<void> => {
    const { client } = scene().world;
    await Promise.all([
      seenAddress(client, "--max-time", "2"),
      seenAddressV6(client, "--max-time", "2"),
      resolve(client, "guarded.any.lab.example", lab.internet.foreignResolver, "+timeout=2", "+tries=1"),
    ]);
  };

  describe("files with a kill switch", () => {
    for (const { name, kind, plain, engine } of WAYS) {
      const open = async (...[which, system]: Way["plain"]) => {
        const { world, oslo } = scene();
        // Killed clients count for a minute still: a member of its own.
        const member = await scene().member(`guarded-${kind}.lab`);
        const login = await scene().login(member);
        const options = { on: world.client, folder: world.folder, exit: oslo, member, login };
        const programs = await Programs.unpack(which, options, system);
        programs.start();
        try {
          await programs.online();
          return programs;
        } catch (error) {
          await programs.stop();
          throw error;
        }
      };

      test(`${name}: the engine killed and the client killed under traffic, no packet past the tunnel; control: the files without are bare`, async () => {
        const { world, oslo, exits } = scene();
        const guarded = await open(kind, "linux");
        const strays = await captureStrays(world.client, oslo, exits);
        let download = new Transfer(world.client, undefined, 1_000_000);
        try {
          await until("bytes", PATIENCE_MS, () => download.bytes > 200_000);
          const pids = await oslo.machine.pidsMatching(engine);
          assert.ok(pids.length > 0);
          for (const pid of pids) signalIfAlive(pid, "SIGKILL");
          await use();
          await until(
            () => `the client; it said:\n${guarded.said()}`,
            2 * PATIENCE_MS,
            async () => (await seenAddress(world.client)) === oslo.v4,
          );
          await download.stop();

          download = new Transfer(world.client, undefined, 1_000_000);
          await until("bytes", PATIENCE_MS, () => download.bytes > 200_000);
          await guarded.kill();
          await use();
          assert.equal(await seenAddress(world.client, "--max-time", "2"), undefined);
          guarded.start();
          await guarded.online();
          assert.equal(await seenAddress(world.client), oslo.v4, "started anew while everything is shut");
          assert.deepEqual(await strays.stop(), []);
          await download.stop();
          await guarded.end();
          assert.equal(await seenAddress(world.client), own.v4, "ended by its member: out as before");
          assert.equal(await seenAddressV6(world.client), own.v6);
        } finally {
          await download.stop();
          await strays.stop();
          await guarded.stop();
        }

        const bare = await open(...plain);
        const seen = await captureStrays(world.client, oslo, exits);
        try {
          await bare.kill();
          await use();
          assert.notDeepEqual(await seen.stop(), [], "control");
        } finally {
          await seen.stop();
          await bare.stop();
        }
      });
    }

    for (const { name, kind, plain } of WAYS.filter((way) => way.kind.startsWith("stealth"))) {
      const look = async (which: OpenvpnKind, system: string) => {
        const { world, oslo } = scene();
        const member = await scene().newMember(`past-${which}-${system}.lab`);
        const login = await scene().login(member);
        const programs = await Programs.unpack(
          which,
          { on: world.client, folder: world.folder, exit: oslo, member, login },
          system,
        );
        programs.start();
        try {
          await programs.online();
          const past = await startCapture(world.client, "eth0", `host ${oslo.v4} and port ${ANOTHER_PORT}`);
          await world.client.run(["curl", "-s", "--max-time", "2", `http://${oslo.v4}:${ANOTHER_PORT}/`]);
          const packets = await past.stop();
          const { v4: address, gateway } = fleet.client;
          const undo = await routeByDhcp(
            {
              router: world.internet,
              device: "client",
              gateway,
              client: world.client,
              address,
              folder: world.folder,
            },
            `${lab.internet.web4}/32`,
          );
          try {
            return { packets, address: await seenAddress(world.client) };
          } finally {
            await undo();
          }
        } finally {
          await programs.stop();
        }
      };

      test(`${name}: the server's other ports are not reached past the tunnel, and DHCP's routes (option 121) draw nothing out; control: both without`, async () => {
        const guarded = await look(kind, "linux");
        assert.deepEqual(guarded.packets, []);
        assert.equal(guarded.address, scene().oslo.v4, "TunnelVision");
        const bare = await look(...plain);
        assert.notDeepEqual(bare.packets, [], "control");
        assert.equal(bare.address, own.v4, "control: the network has drawn it out");
      });
    }
  });
}
