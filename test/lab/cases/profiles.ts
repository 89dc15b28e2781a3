import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { lab } from "../addresses.ts";
import type { ApiMember } from "../api-member.ts";
import { fleet } from "../fleet-world.ts";
import { endProgram, type Namespace, PATIENCE_MS, until } from "../namespace.ts";
import { resolve, seenAddress, seenAddressV6 } from "../probes.ts";
import { routeByDhcp } from "../rogue-dhcp.ts";
import { clientAddresses, type LabExit, type ServicesScene } from "../services-scene.ts";
import { storedFiles } from "../stored-zip.ts";
import { captureStrays } from "../vpn-service.ts";
import { addDevice, deviceFile, WireguardClient } from "../wireguard-client.ts";

/** The files as a member downloads them, used as they are by the programs that they are for. */
export function profileCases(scene: () => ServicesScene): void {
  const own = clientAddresses.client;
  const anna = () => scene().member("anna-profiles.lab");

  /** Downloads into a folder: a file, or the files of a zip. */
  const unpack = async (path: string): Promise<{ folder: string; names: string[] }> => {
    const folder = mkdtempSync(join(scene().world.folder, "profile-"));
    const file = join(folder, "download");
    await (await anna()).download(`/api/v1/account/profiles/${path}`, file);
    const bytes = readFileSync(file);
    const zipped = bytes.toString("latin1", 0, 2) === "PK";
    const files = zipped ? storedFiles(bytes) : new Map([["file", bytes.toString()]]);
    for (const [name, content] of files) writeFileSync(join(folder, name), content, { mode: 0o600 });
    return { folder, names: [...files.keys()] };
  };

  /** `openvpn --config FILE` in the folder that the file lies in; the login comes from a file as a member would type it. */
  const startOpenvpn = async (
    on: Namespace,
    folder: string,
    file: string,
    member?: ApiMember,
  ): Promise<Started> => {
    const { username, password } = await scene().login(member ?? (await anna()));
    writeFileSync(join(folder, "login"), `${username}\n${password}\n`, { mode: 0o600 });
    const started = new Started(
      on.start(["env", "-C", folder, "openvpn", "--config", file, "--auth-user-pass", "login"]),
    );
    try {
      await started.says(/Initialization Sequence Completed/, PATIENCE_MS);
      return started;
    } catch (error) {
      await started.stop("SIGINT");
      throw error;
    }
  };
  const guarded = async (exit: LabExit, member?: ApiMember) => {
    const { folder, names } = await unpack(`openvpn-guarded/${exit.name}?level=none`);
    const client = await startOpenvpn(
      scene().world.client,
      folder,
      names.find((name) => name.endsWith(".conf"))!,
      member,
    );
    return { folder, client };
  };
  const plain = async (exit: LabExit, member?: ApiMember) => {
    const { folder } = await unpack(`openvpn/${exit.name}?system=linux`);
    return { folder, client: await startOpenvpn(scene().world.client, folder, "file", member) };
  };
  const unguard = (folder: string) => scene().world.client.run(["sh", join(folder, "lethe-guard.sh"), "off"]);
  /** All that the client's kernel knows of ways and filters. */
  const traces = async (): Promise<string[]> => {
    const { client } = scene().world;
    const looks = [
      ["nft", "list", "ruleset"],
      ...["-4", "-6"].flatMap((family) => [
        ["ip", family, "rule", "show"],
        ["ip", family, "route", "show", "table", "all"],
      ]),
    ];
    const shown = await Promise.all(looks.map((argv) => client.must(argv)));
    return shown.flatMap((text) => text.split("\n").filter(Boolean).sort());
  };
  /** The network that the client is in sends its packets to the web another way. */
  const attack = (route: string) => {
    const { world } = scene();
    const { gateway, v4: address } = fleet.client;
    const { internet: router, client, folder } = world;
    return routeByDhcp({ router, device: "client", gateway, client, address, folder }, route);
  };

  describe("files as members download them", () => {
    test("the guarded OpenVPN for Linux is online through both exits, names asked of anybody end at ours, and it leaves no trace", async () => {
      const { world, exits } = scene();
      const before = await traces();
      for (const exit of exits) {
        const { folder, client } = await guarded(exit);
        const strays = await captureStrays(world.client, exit, exits);
        try {
          assert.equal(await seenAddress(world.client), exit.v4);
          assert.equal(await seenAddressV6(world.client), exit.v6);
          await world.forget();
          const name = `guarded-${exit.name}.any.lab.example`;
          assert.equal(await resolve(world.client, name, lab.internet.foreignResolver), lab.internet.web4);
          const asked = (await world.seen("forget")).dns.filter((each) => each.name === name);
          assert.ok(asked.length > 0, "the answer was somebody's");
          for (const { server, from } of asked)
            assert.deepEqual({ server, from }, { server: lab.internet.resolver, from: exit.v4 });
          assert.deepEqual(await strays.stop(), []);
          assert.notDeepEqual(await traces(), before, "control: while it runs it is seen");
          await client.stop("SIGINT");
          assert.deepEqual(await traces(), before, "what its own end leaves");
        } finally {
          await strays.stop();
          await client.stop("SIGINT");
          await unguard(folder);
          rmSync(folder, { recursive: true });
        }
        assert.equal(await seenAddress(world.client), own.v4, "ended by its member: out as before");
        assert.equal(await seenAddressV6(world.client), own.v6);
      }
    });

    test("a network's DHCP server with routes of its own (option 121) does not draw traffic out of the guarded one; control: it does out of a plain one", async () => {
      const { world, oslo } = scene();
      const web = `${lab.internet.web4}/32`;
      const member = await scene().newMember("option121.lab");
      const guard = await guarded(oslo, member);
      try {
        assert.equal(await seenAddress(world.client), oslo.v4);
        const undo = await attack(web);
        try {
          assert.match(await world.client.must(["ip", "route"]), new RegExp(`${lab.internet.web4} via`));
          const strays = await captureStrays(world.client, oslo, scene().exits);
          assert.equal(await seenAddress(world.client), oslo.v4, "TunnelVision");
          assert.deepEqual(await strays.stop(), []);
        } finally {
          await undo();
        }
      } finally {
        await guard.client.stop("SIGINT");
        await unguard(guard.folder);
      }
      const bare = await plain(oslo, member);
      try {
        assert.equal(await seenAddress(world.client), oslo.v4);
        const undo = await attack(web);
        try {
          assert.equal(await seenAddress(world.client), own.v4, "control: the network has drawn it out");
        } finally {
          await undo();
        }
      } finally {
        await bare.client.stop("SIGINT");
      }
    });

    test("nor does it out of WireGuard's file for Linux; control: it does out of the one for another system", async () => {
      const { world, oslo } = scene();
      const web = `${lab.internet.web4}/32`;
      const member = await scene().newMember("option121-wireguard.lab");
      const device = await addDevice(member);
      const drawn = async (system: string): Promise<{ seen: string | undefined; past: string[] }> => {
        const file = await deviceFile(member, device, oslo.name, `system=${system}`);
        // Without the line for which wg-quick wants a program that this machine may not have.
        const profile = file.replace(/^DNS = .*\n/m, "");
        const client = await WireguardClient.start(world.client, world.folder, profile);
        try {
          await client.online();
          assert.equal(await seenAddress(world.client), oslo.v4);
          const undo = await attack(web);
          try {
            assert.match(await world.client.must(["ip", "route"]), new RegExp(`${lab.internet.web4} via`));
            const strays = await captureStrays(world.client, oslo, scene().exits);
            const seen = await seenAddress(world.client);
            return { seen, past: await strays.stop() };
          } finally {
            await undo();
          }
        } finally {
          await client.stop();
        }
      };
      assert.deepEqual(await drawn("linux"), { seen: oslo.v4, past: [] });
      const control = await drawn("macos");
      assert.notDeepEqual(control.past, [], "control: its packets take the network's route");
    });

    test("the guarded client killed: nothing leaves until it is back or its member says so; control: a plain one's traffic goes on bare", async () => {
      const { world, oslo } = scene();
      // Killed clients count for a minute still: a member of its own.
      const member = await scene().newMember("killed.lab");
      const shortly = ["--max-time", "4"];
      const guard = await guarded(oslo, member);
      const strays = await captureStrays(world.client, oslo, scene().exits);
      try {
        await guard.client.stop("SIGKILL");
        assert.equal(await seenAddress(world.client, ...shortly), undefined);
        assert.equal(await seenAddressV6(world.client, ...shortly), undefined);
        assert.deepEqual(await strays.stop(), []);
        const again = await startOpenvpn(world.client, guard.folder, `${oslo.name}.conf`, member);
        try {
          assert.equal(await seenAddress(world.client), oslo.v4, "started anew while everything is shut");
        } finally {
          await again.stop("SIGKILL");
        }
        assert.equal(await seenAddress(world.client, ...shortly), undefined);
        await unguard(guard.folder);
        assert.equal(await seenAddress(world.client), own.v4);
      } finally {
        await strays.stop();
        await guard.client.stop("SIGKILL");
        await unguard(guard.folder);
      }
      const bare = await plain(oslo, member);
      await bare.client.stop("SIGKILL");
      assert.equal(await seenAddress(world.client), own.v4, "control");
    });

    test("the ssh stanza opens a proxy with the exit's address, and trusts the exit's own key alone", async () => {
      const { world, exits } = scene();
      const { password } = await scene().login(await anna());
      for (const exit of exits) {
        const { folder } = await unpack(`ssh/${exit.name}?system=linux`);
        const ask = join(folder, "ask.sh");
        writeFileSync(ask, '#!/bin/sh\necho "$VPN_PASSWORD"\n', { mode: 0o755 });
        const env = { SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: "force", VPN_PASSWORD: password, HOME: folder };
        const connect = (file: string) =>
          new Started(
            world.client.start(["ssh", "-F", file, `vpn-${exit.name}`], ["ignore", "pipe", "pipe"], env),
          );
        const proxy = ["--socks5-hostname", "127.0.0.1:1080"];
        const client = connect(join(folder, "file"));
        try {
          await until(
            () => `the proxy; ssh said: ${client.said}`,
            PATIENCE_MS,
            async () => (await seenAddress(world.client, ...proxy)) === exit.v4,
          );
          assert.equal(await seenAddress(world.client), own.v4, "control: what does not use it goes bare");
        } finally {
          await client.stop("SIGTERM");
        }
        // Another server at that address, or one in between: its key is not the one of the file.
        const other = exit === exits[0] ? exits[1] : exits[0];
        const text = readFileSync(join(folder, "file"), "utf8");
        writeFileSync(join(folder, "wrong"), text.replace(/HostName \S+/, `HostName ${other.host}`), {
          mode: 0o600,
        });
        const wrong = connect(join(folder, "wrong"));
        try {
          await wrong.says(/Host key verification failed/, PATIENCE_MS);
        } finally {
          await wrong.stop("SIGTERM");
        }
        rmSync(folder, { recursive: true });
      }
    });
  });
}

/** A program of the member's that runs on, and what it says. */
class Started {
  said = "";
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.said += text;
      });
  }

  async says(words: RegExp, timeoutMs: number): Promise<void> {
    const gone = () => (this.#child.exitCode ?? this.#child.signalCode) !== null;
    await until(`${words}`, timeoutMs, () => {
      if (words.test(this.said)) return true;
      if (gone()) throw new Error("it ended");
      return false;
    }).catch((error: Error) => {
      throw new Error(`${error.message}; it said:\n${this.said}`);
    });
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    await endProgram(this.#child, signal);
  }
}
