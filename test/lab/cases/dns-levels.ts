import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { DNS_LEVELS, type DnsLevel, resolverOf } from "../../../src/lib/dns-levels.ts";
import { lab } from "../addresses.ts";
import type { ApiMember } from "../api-member.ts";
import { PATIENCE_MS, signalIfAlive, until } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { resolve } from "../probes.ts";
import { BLOCKLIST_FOLDER } from "../services-config.ts";
import type { LabExit, ServicesScene } from "../services-scene.ts";
import { addDevice, deviceFile, WireguardClient } from "../wireguard-client.ts";

/** Every name below any.lab.example is the web server's: what is kept back is, each by one list alone. */
const NAMES: Record<Exclude<DnsLevel, "none">, string> = {
  ads: "ads.any.lab.example",
  malware: "malware.any.lab.example",
  adult: "adult.any.lab.example",
};
/** Ten times over, for a machine that others use as well; what it took is printed. */
const BACK_WITHIN_MS = 3000;
const WEB = lab.internet.web4;

/** Resolvers by blocklist level, as a profile chooses them; the lists are files at the office and `lethe blocklists renew`. */
export function dnsLevelCases(scene: () => ServicesScene): void {
  const write = (list: keyof typeof NAMES, text: string): void => {
    mkdirSync(BLOCKLIST_FOLDER, { recursive: true });
    chmodSync(BLOCKLIST_FOLDER, 0o755);
    writeFileSync(`${BLOCKLIST_FOLDER}/${list}.txt`, text, { mode: 0o644 });
  };
  const online = async (member: ApiMember, exit: LabExit, level: DnsLevel) => {
    const { status, text } = await member.ask(
      "GET",
      `/api/v1/account/profiles/openvpn/${exit.name}?level=${level}&protocol=udp`,
    );
    assert.equal(status, 200, text);
    const { world } = scene();
    const vpn = OpenVpnClient.start(world.client, world.folder, {
      ...(await scene().login(member)),
      profile: text,
    });
    await vpn.online();
    return { vpn, text };
  };
  const ask = (name: string, level: DnsLevel, family: "v4" | "v6" = "v4") =>
    resolve(scene().world.client, name, resolverOf(level)[family]);

  describe("DNS levels", () => {
    after(() => rmSync(BLOCKLIST_FOLDER, { recursive: true, force: true }));
    before(async () => {
      write("ads", `# adverts\n0.0.0.0 ${NAMES.ads}\n`);
      write("malware", `||${NAMES.malware}^\n`);
      write("adult", `${NAMES.adult}\n`);
      const told = await scene().office.mustCommand("blocklists", "renew");
      assert.match(told, /ads: 1 name on the servers/);
    });

    test("each level keeps back its lists and those before it, on both exits, and names below them", async () => {
      const member = await scene().member("dns.lab");
      for (const exit of scene().exits) {
        const { vpn } = await online(member, exit, "none");
        try {
          // A resolver each: one may have its lists before another has.
          for (const [list, name] of Object.entries(NAMES))
            await until(`${exit.name} ${list}`, PATIENCE_MS, async () => {
              return (await ask(name, list as DnsLevel)) === "";
            });
          for (const [at, level] of DNS_LEVELS.entries())
            for (const [list, name] of Object.values(NAMES).entries())
              for (const [question, family] of [
                [name, "v4"],
                [name, "v6"],
                [`deep.${name}`, "v4"],
              ] as const)
                assert.equal(
                  await ask(question, level, family),
                  list < at ? "" : WEB,
                  `${exit.name} ${level} ${question} at its ${family}`,
                );
          assert.equal(await ask("fine.any.lab.example", "adult"), WEB, "control: others are answered");
        } finally {
          await vpn.stop();
        }
      }
    });

    test("the profile names the level's resolver; a question to any other resolver ends at the one that keeps nothing back", async () => {
      const { world, oslo } = scene();
      const { vpn, text } = await online(await scene().member("dns.lab"), oslo, "malware");
      try {
        assert.ok(text.includes(resolverOf("malware").v4));
        await world.forget();
        // The last is an address of ours that is none; by IPv6 nobody answers out there.
        for (const other of [lab.internet.foreignResolver, lab.internet.web6, "10.66.255.77"])
          for (const options of [[], ["+tcp"]]) {
            const asked = `${other} ${options.join(" ")}`;
            assert.equal(await resolve(world.client, NAMES.ads, other, ...options), WEB, asked);
          }
        const { dns } = await world.seen("forget");
        assert.ok(dns.every(({ server }) => server === lab.internet.resolver));
      } finally {
        await vpn.stop();
      }
      assert.equal(
        await resolve(world.client, NAMES.ads, lab.internet.foreignResolver),
        lab.internet.trap,
        "control: without the tunnel that resolver answers",
      );
      const nobody = await resolve(world.client, NAMES.ads, lab.internet.web6, "+tries=1", "+timeout=2");
      assert.equal(nobody, undefined, "control: and by IPv6 nobody");
    });

    test("WireGuard's file for Linux with a level: whatever resolver is asked, that level's answers", async () => {
      const { world, oslo } = scene();
      const member = await scene().newMember("dns-wireguard.lab");
      const device = await addDevice(member);
      for (const level of ["none", "ads"] as const) {
        const file = await deviceFile(member, device, oslo.name, `system=linux&level=${level}`);
        const client = await WireguardClient.start(world.client, world.folder, file);
        try {
          await client.online();
          for (const resolver of [lab.internet.foreignResolver, lab.internet.web6]) {
            const asked = (name: string) => resolve(world.client, name, resolver);
            assert.equal(await asked(NAMES.ads), level === "ads" ? "" : WEB, `${level} at ${resolver}`);
            assert.equal(await asked(NAMES.malware), WEB, `${level} at ${resolver}`);
          }
        } finally {
          await client.stop();
        }
      }
    });

    test("the resolvers killed: no name is asked for past them, and they are back", async (context) => {
      const { world, oslo } = scene();
      const { vpn } = await online(await scene().member("dns.lab"), oslo, "none");
      try {
        assert.equal(await ask("before.any.lab.example", "none"), WEB);
        const dead = await oslo.machine.pidsMatching(/^\S*unbound /);
        assert.ok(dead.length > 0);
        await world.forget();
        const killedAt = performance.now();
        for (const pid of dead) signalIfAlive(pid, "SIGKILL");
        let names = 0;
        await until("an answer", PATIENCE_MS, async () => {
          return (await ask(`killed-${++names}.any.lab.example`, "none")) === WEB;
        });
        const backMs = performance.now() - killedAt;
        context.diagnostic(`names again after ${Math.round(backMs)} ms`);
        const asked = (await world.seen()).dns.filter(({ name }) => name.startsWith("killed-"));
        assert.ok(asked.length > 0);
        for (const { server, from } of asked)
          assert.deepEqual({ server, from }, { server: lab.internet.resolver, from: oslo.v4 });
        await until("each level as it was", PATIENCE_MS, async () => {
          const answer = await ask(NAMES.ads, "ads");
          assert.notEqual(answer, WEB, "never without its lists");
          return answer === "";
        });
        assert.ok(backMs <= BACK_WITHIN_MS * 10, `${backMs} ms`);
      } finally {
        await vpn.stop();
      }
    });

    test("a renewed list holds on every exit at once, and one that cannot be read leaves the old one", async () => {
      const { office, oslo } = scene();
      const { vpn } = await online(await scene().member("dns.lab"), oslo, "ads");
      try {
        assert.equal(await ask("later.any.lab.example", "ads"), WEB, "control");
        write("ads", `${NAMES.ads}\nlater.any.lab.example\n`);
        await office.mustCommand("blocklists", "renew");
        await until(
          "the new name to be kept back",
          PATIENCE_MS,
          async () => (await ask("later.any.lab.example", "ads")) === "",
        );
        write("ads", "<html>not found</html>\n");
        const { code, stdout } = await office.command("blocklists", "renew");
        assert.equal(code, 1);
        assert.match(stdout, /holds not a single name\. The list "ads" stays as it was/);
        assert.equal(await ask(NAMES.ads, "ads"), "");
      } finally {
        write("ads", `${NAMES.ads}\n`);
        await vpn.stop();
      }
    });
  });
}
