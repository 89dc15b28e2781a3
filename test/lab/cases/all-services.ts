import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lab } from "../addresses.ts";
import type { ApiMember } from "../api-member.ts";
import type { FleetWorld } from "../fleet-world.ts";
import { link, Namespace, PATIENCE_MS, until } from "../namespace.ts";
import { DEVICELESS, OpenVpnClient, over } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import { Programs } from "../programs.ts";
import { curlThrough, type ProxyLogin } from "../proxy-client.ts";
import { servicesConfig } from "../services-config.ts";
import type { LabExit, ServicesScene } from "../services-scene.ts";
import { SshClient } from "../ssh-client.ts";
import { Transfer } from "../transfer.ts";
import { addDevice, deviceFile, WireguardClient } from "../wireguard-client.ts";
import { startIkev2 } from "./ikev2.ts";

/** The default of lethe.toml. */
const SSH_PORT = 2222;
const SSH_SOCKS = 11_080;

/** A session that somebody has. */
interface Held {
  /** Fails where it does not. */
  goesOn(): Promise<void>;
  stop(): Promise<unknown>;
}

/** A way to get online with the real client. */
interface Kind {
  name: string;
  /** Where the first of it is: some take a machine's whole traffic, proxies count by address. */
  at: Namespace;
  /** Throws where the exit does not let it in. */
  open(on: Namespace): Promise<Held>;
  /** Tries once more than there is room for; fails where it gets in, or where its client says anything else than that. */
  refused(on: Namespace): Promise<void>;
}

/** Another machine on the internet, beside the two clients. */
async function guest({ internet }: FleetWorld, number: number): Promise<Namespace> {
  const space = new Namespace(internet.name.replace(/internet$/, `guest${number}`));
  const [gateway, own] = [`198.51.100.${number * 16 + 1}`, `198.51.100.${number * 16 + 2}`];
  const six = `2001:db8:d${number}::`;
  await space.create(lab.internet.foreignResolver);
  await link(
    [internet, `guest${number}`, `${gateway}/28`, `${six}1/64`],
    [space, "eth0", `${own}/28`, `${six}2/64`],
  );
  await space.must(["ip", "route", "add", "default", "via", gateway]);
  await space.must(["ip", "-6", "route", "add", "default", "via", `${six}1`]);
  return space;
}

/** All that one account can have at one exit, each kind by the client that people have. */
async function kindsOf(
  { world }: ServicesScene,
  exit: LabExit,
  member: ApiMember,
  login: ProxyLogin,
  first: Namespace,
): Promise<Kind[]> {
  const { folder } = world;
  const profile = await member.vpn(exit.name);
  const isSeen = async (on: Namespace, ...options: string[]) =>
    (await seenAddress(on, "--max-time", "4", ...options)) === exit.v4;
  const through =
    (on: Namespace, ...options: string[]) =>
    async (): Promise<void> => {
      assert.equal(await seenAddress(on, ...options), exit.v4);
    };
  const says = (what: string, said: () => string, words: RegExp) =>
    until(
      () => `${what} to say ${words}; it said:\n${said()}`,
      PATIENCE_MS,
      () => words.test(said()),
    );
  const TOO_MANY = /AUTH_FAILED,Too many sessions/;
  /** Once online, and never again since: a client that is cut off says so and comes anew. */
  const stays = (name: string, said: () => string) => async (): Promise<void> => {
    const [, ...since] = said().split("Initialization Sequence Completed");
    assert.equal(since.length, 1, `${name} said:\n${said()}`);
    assert.doesNotMatch(since[0]!, /AUTH_FAILED|SIGUSR1|SIGTERM\[/, name);
  };

  const openvpn = (protocol: "udp" | "tcp"): Kind => {
    const start = (on: Namespace) =>
      OpenVpnClient.start(on, folder, profile, ...DEVICELESS, ...over(protocol));
    const name = `OpenVPN over ${protocol.toUpperCase()}`;
    return {
      name,
      at: first,
      async open(on) {
        const client = start(on);
        await orStop(client, client.online());
        return { goesOn: stays(name, () => client.output.join("\n")), stop: () => client.stop() };
      },
      async refused(on) {
        const client = start(on);
        await thenStop(client, client.line(TOO_MANY, PATIENCE_MS));
      },
    };
  };
  const stealth = (kind: "stealth-tls" | "stealth-obfs4"): Kind => {
    const start = async (on: Namespace) => {
      // Another system's, without the kill switch: this machine has other clients, too.
      const programs = await Programs.unpack(kind, { on, folder, exit, member, login }, "macos");
      programs.start(...DEVICELESS);
      return programs;
    };
    return {
      name: kind,
      at: first,
      async open(on) {
        const programs = await start(on);
        await orStop(programs, programs.online());
        return { goesOn: stays(kind, () => programs.said()), stop: () => programs.stop() };
      },
      async refused(on) {
        const programs = await start(on);
        await thenStop(
          programs,
          says(kind, () => programs.said(), TOO_MANY),
        );
      },
    };
  };
  /** A device of its own each time. One that is only switched off is taken for online for minutes: it is removed. */
  const device = async (on: Namespace) => {
    const made = await addDevice(member);
    const client = await WireguardClient.start(on, folder, await deviceFile(member, made, exit.name));
    const stop = async (): Promise<void> => {
      await client.stop();
      const { status } = await member.ask("DELETE", `/api/v1/account/devices/${made.id}`);
      assert.equal(status, 204);
    };
    return { client, stop };
  };
  const wireguard: Kind = {
    name: "WireGuard",
    at: world.client,
    async open(on) {
      const opened = await device(on);
      const isIn = async (): Promise<void> => {
        await opened.client.online();
        // Nobody is asked before a handshake: whoever is one too many gets through for a moment.
        await sleep(3000);
        await until("WireGuard to be let in", PATIENCE_MS, () => isSeen(on));
      };
      await orStop(opened, isIn());
      return { goesOn: through(on), stop: opened.stop };
    },
    async refused(on) {
      const opened = await device(on);
      const isOut = async (): Promise<void> => {
        await opened.client.online();
        await until("it to be cut", PATIENCE_MS, async () => !(await isSeen(on)));
        for (let tries = 0; tries < 2; tries++) assert.ok(!(await isSeen(on)), "WireGuard got through");
      };
      await thenStop(opened, isOut());
    },
  };
  const connect = (on: Namespace) => startIkev2({ on, folder, exit, member, login }, { block: false });
  const ikev2: Kind = {
    name: "IKEv2",
    at: world.client2,
    async open(on) {
      const client = await connect(on);
      await orStop(client, client.online());
      return { goesOn: through(on), stop: () => client.stop() };
    },
    async refused(on) {
      const client = await connect(on);
      await thenStop(
        client,
        says("strongSwan", () => client.said(), /ERROR_NO_DIALIN_PERMISSION/),
      );
    },
  };
  const startSsh = (on: Namespace) =>
    SshClient.start(on, folder, { ...login, address: exit.v4, port: SSH_PORT, socks: SSH_SOCKS });
  const ssh: Kind = {
    name: "SSH",
    at: first,
    async open(on) {
      const client = startSsh(on);
      await orStop(client, client.online());
      const goesOn = through(on, "--proxy", `socks5h://127.0.0.1:${SSH_SOCKS}`);
      return { goesOn, stop: () => client.stop() };
    },
    async refused(on) {
      const client = startSsh(on);
      await thenStop(
        client,
        says("ssh", () => client.output, /too many sessions on this server/),
      );
    },
  };
  const proxy = (kind: "socks5" | "http", at: Namespace): Kind => {
    const options = curlThrough(kind, login, exit.v4);
    return {
      name: kind,
      at,
      async open(on) {
        const transfer = new Transfer(on, undefined, 100_000, ...options);
        const flows = until("bytes", PATIENCE_MS, async () => {
          if ((await transfer.ended(0)) !== undefined) throw new Error(`it ended: ${transfer.said}`);
          return transfer.bytes > 50_000;
        });
        await orStop(transfer, flows);
        const goesOn = async (): Promise<void> => {
          const { bytes } = transfer;
          await until(`bytes through ${kind}`, PATIENCE_MS, () => transfer.bytes > bytes);
        };
        return { goesOn, stop: () => transfer.stop() };
      },
      async refused(on) {
        const look = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_connect} %{http_code}"];
        const url = `http://${lab.internet.web4}/ip`;
        const tried = (...words: string[]) => on.run([...look, "--max-time", "60", ...words, url]);
        if (kind === "socks5") {
          const { code, stderr } = await tried(...options);
          assert.equal(code, 97, stderr);
          return;
        }
        assert.equal((await tried(...options)).stdout, "000 429");
        assert.equal((await tried("--proxytunnel", ...options)).stdout, "429 000");
      },
    };
  };

  return [
    // First: that it is there is seen a moment after it came.
    wireguard,
    ikev2,
    openvpn("udp"),
    openvpn("tcp"),
    stealth("stealth-tls"),
    stealth("stealth-obfs4"),
    ssh,
    proxy("socks5", first),
    proxy("http", world.internet),
  ];
}

async function orStop(client: { stop(): Promise<unknown> }, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    await client.stop();
    throw error;
  }
}

async function thenStop(client: { stop(): Promise<unknown> }, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } finally {
    await client.stop();
  }
}

/** Every service by one account at once, on one exit. */
export function allServicesCases(scene: () => ServicesScene): void {
  const restartWith = async (config: string): Promise<void> => {
    writeFileSync(join(scene().office.data, "lethe.toml"), config);
    await scene().office.restart();
  };

  describe("one account over every service at once", () => {
    test("the limit counts them all together: the next of each kind is refused in its own words, who was there stays, and the end of one makes room for one of another kind", async (context) => {
      const { world, berlin } = scene();
      const spaces: Namespace[] = [];
      const held: { kind: Kind; session: Held }[] = [];
      try {
        const [first, next] = [await guest(world, 1), await guest(world, 2)];
        spaces.push(first, next);
        const member = await scene().newMember("everything.lab");
        const kinds = await kindsOf(scene(), berlin, member, await scene().login(member), first);
        const config = servicesConfig.replace(
          "sessions_per_credential = 3",
          `sessions_per_credential = ${kinds.length}`,
        );
        assert.notEqual(config, servicesConfig);
        await restartWith(config);

        for (const kind of kinds) held.push({ kind, session: await kind.open(kind.at) });
        const all = async (): Promise<void> => {
          for (const { kind, session } of held)
            await session.goesOn().catch((error: Error) => {
              throw new Error(`${kind.name} did not go on: ${error.message}`);
            });
        };
        await all();
        context.diagnostic(`online at once: ${held.map(({ kind }) => kind.name).join(", ")}`);
        for (const kind of kinds)
          await kind.refused(next).catch((error: Error) => {
            throw new Error(`${kind.name} was not refused: ${error.message}`);
          });
        await all();

        // Each ends once, and makes room for the kind after it: the first for the second, which ends for the third, and so on.
        for (const [index, kind] of kinds.entries()) {
          const after = kinds[(index + 1) % kinds.length]!;
          const ending = held.findLastIndex((each) => each.kind === kind);
          await held[ending]!.session.stop();
          held.splice(ending, 1);
          let why = "";
          const session = await until(
            () => `${after.name} in the place of ${kind.name}: ${why}`,
            PATIENCE_MS,
            () =>
              after.open(after === kinds[0] ? after.at : next).catch((error: Error) => {
                why = error.message;
                return undefined;
              }),
          );
          held.push({ kind: after, session });
          // And for one alone, asked for from the machine that WireGuard has left until then.
          if (after !== kinds[0]) await kinds.at(-1)!.refused(world.client);
        }
        await all();
      } finally {
        await Promise.allSettled(held.map(({ session }) => session.stop()));
        await Promise.allSettled(spaces.map((space) => space.remove()));
        await restartWith(servicesConfig);
      }
    });
  });
}
