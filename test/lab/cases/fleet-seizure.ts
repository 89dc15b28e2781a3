import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { lineIn } from "../fleet-exit.ts";
import type { FleetScene } from "../fleet-scene.ts";
import { PATIENCE_MS, until } from "../namespace.ts";
import { OpenVpnClient, type VpnLogin } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import { curlThrough } from "../proxy-client.ts";
import { type Needle, Search } from "../search.ts";

/** Where an exit's own folder lies on its disk as the host sees it. */
const keysOf = (disk: string): string => join(disk, "etc", "lethe-exit");

/** The last exit's disk and memory in strange hands, whole, while it runs. */
export function seizureCases(scene: () => FleetScene): void {
  describe("a seized exit", () => {
    test("its disk and memory tell what the threat model says, and rotate with renew --all makes it worthless", async (context) => {
      const { world, office, exits } = scene();
      const seized = exits.at(-1)!;
      const address = world.addressOf(seized.machine);
      const voucher = await scene().voucher();
      const member = await scene().member("seized.lab");
      const email = "seized@mail.example";
      await member.ask("PUT", "/api/v1/account/email", { password: member.password, email });
      assert.equal((await member.redeem(voucher)).status, 200);
      const vpn = await member.vpn(seized.name);
      const visited = `${Math.random().toString(36).slice(2)}.any.lab.example`;
      const getsIn = async (login: VpnLogin, at: string) =>
        (await seenAddress(world.internet, ...curlThrough("socks5", login, at))) === at;
      await until("the member at the exit", PATIENCE_MS, () => getsIn(vpn, address));
      const client = OpenVpnClient.start(world.client, world.folder, vpn);
      try {
        await client.online();
        assert.equal(await seenAddress(world.client), address);
        await world.client.run(["curl", "-s", "--max-time", "10", `http://${visited}/ip`]);
      } finally {
        await client.stop();
      }

      const secret = (name: string): string =>
        readFileSync(join(office.data, "office", name), "utf8")
          .split("\n")
          .find((line) => line.length > 20 && !line.startsWith("-----"))!;
      const others = exits.slice(0, -1).map(({ machine, name }) => ({
        what: `${name}'s link seed`,
        text: readFileSync(join(keysOf(machine.disk), "link.seed"), "utf8").trim(),
      }));
      const never: Needle[] = [
        { what: "account name", text: member.name },
        { what: "account password", text: member.password },
        { what: "e-mail address", text: email },
        { what: "voucher", text: voucher },
        { what: "the authority's key", text: secret("ca.key") },
        { what: "the office's link seed", text: secret("link.seed") },
        ...others,
      ];
      const disk: Needle[] = [
        ...never,
        { what: "VPN username", text: vpn.username },
        { what: "VPN password", text: vpn.password },
        { what: "the client's address", text: world.addressOf(world.client) },
        { what: "a name that a member visited", text: visited },
      ];
      const own = readFileSync(join(keysOf(seized.machine.disk), "link.seed"), "utf8").trim();
      const onDisk = new Search([...disk, { what: "its own seed", text: own }]);
      for (const part of ["etc/lethe-exit", "opt", "var-lib-unbound"])
        onDisk.files(join(seized.machine.disk, part));
      onDisk.files(`/proc/${seized.machine.init}/root/run`);
      const inMemory = new Search([...never, { what: "its own seed", text: own }]);
      const pids = await seized.machine.pids();
      inMemory.memory(pids);
      inMemory.processes(pids);
      context.diagnostic(`looked at ${onDisk.looked.files} files and the memory of ${pids.length} processes`);
      assert.ok(onDisk.looked.files > 8 && inMemory.looked.processes > 5);
      for (const search of [onDisk, inMemory]) {
        assert.ok(
          search.findings.some(({ what }) => what === "its own seed"),
          "control: what it has is found",
        );
        assert.deepEqual(
          search.findings.filter(({ what }) => what !== "its own seed"),
          [],
        );
      }

      const line = lineIn(await office.mustCommand("server", "rotate", seized.name));
      await office.mustCommand("account", "renew", "--all");
      const healthy = exits[0]!;
      const healthyAddress = world.addressOf(healthy.machine);
      await until(
        "the old credentials to end elsewhere",
        PATIENCE_MS,
        async () => !(await getsIn(vpn, healthyAddress)),
      );
      const renewed = await member.vpn(healthy.name);
      await until("the new ones to be good elsewhere", PATIENCE_MS, () => getsIn(renewed, healthyAddress));
      assert.equal(await getsIn(renewed, address), false, "the seized exit hears of no change any more");
      await until("its key to be refused", 2 * PATIENCE_MS, () => seized.output.includes("link-down"));

      // Another machine takes its place (here: the same one, emptied).
      await seized.machine.run(["/opt/lethe-exit/start", "leave"]);
      seized.paste(line);
      await until("the member at the new one", 2 * PATIENCE_MS, () => getsIn(renewed, address));
      const now = await member.vpn(seized.name);
      // To a profile of now the thief's certificate is another server's, as to a profile of before the new one is.
      for (const [profile, refused] of [
        [now.profile, false],
        [vpn.profile, true],
      ] as const) {
        const options = ["--connect-retry-max", "1", "--server-poll-timeout", "60"];
        const tried = OpenVpnClient.start(world.client, world.folder, { ...now, profile }, ...options);
        try {
          await tried.line(
            refused ? /VERIFY X509NAME ERROR/ : /Initialization Sequence Completed/,
            PATIENCE_MS,
          );
        } finally {
          await tried.stop("SIGKILL");
        }
      }
    });
  });
}
