import assert from "node:assert/strict";
import { existsSync, lstatSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { lab } from "../addresses.ts";
import { deleteAccount, type Member } from "../member.ts";
import { run } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { fetchFrom, seenAddress } from "../probes.ts";
import { curlThrough } from "../proxy-client.ts";
import type { Scene } from "../scene.ts";
import { type Finding, type Needle, Search } from "../search.ts";

const addresses: Needle[] = [
  { what: "client 1's address", text: lab.client1.v4 },
  { what: "client 1's IPv6 address", text: lab.client1.v6 },
  { what: "client 2's address", text: lab.client2.v4 },
  { what: "client 2's IPv6 address", text: lab.client2.v6 },
];

const vpnNeedles = ({ name, vpn }: Member): Needle[] => [
  { what: `VPN username of ${name}`, text: vpn.username },
  { what: `VPN password of ${name}`, text: vpn.password },
];
const accountNeedles = ({ name, email, password, voucher }: Member): Needle[] => [
  { what: `voucher of ${name}`, text: voucher },
  { what: `voucher of ${name}`, text: voucher.replaceAll("-", "") },
  { what: `account name ${name}`, text: name },
  { what: `e-mail of ${name}`, text: email },
  { what: `account password of ${name}`, text: password },
];

/** Everything on disk and in the kernel's and the processes' listings that this provider could have written. */
async function searchEverywhere(
  { world, provider }: Scene,
  needles: Needle[],
  sinceMs: number,
): Promise<Search> {
  const search = new Search(needles);
  search.files(provider.data);
  search.files(provider.runFolder);
  const fresh = (path: string) => lstatSync(path).mtimeMs >= sinceMs;
  for (const folder of ["/var/log", "/var/lib/unbound", "/var/lib/openvpn", "/etc/openvpn", "/var/mail"]) {
    if (existsSync(folder)) search.files(folder, fresh);
  }
  const ours = (path: string) => fresh(path) && lstatSync(path).uid !== 0;
  for (const folder of ["/tmp", "/var/tmp", "/dev/shm"]) search.files(folder, ours);
  search.tables(provider.databaseFile);
  search.processes(await provider.pids());
  search.text(provider.output, "what lethe said");
  search.text((await world.exit.run(["nft", "list", "ruleset"])).stdout, "the firewall's sets and counters");
  search.text((await run(["dmesg"])).stdout, "the kernel's log");
  if (existsSync("/run/systemd/journal/socket")) {
    const since = new Date(sinceMs).toISOString().slice(0, 19).replace("T", " ");
    const { stdout } = await run(["journalctl", "--utc", "--since", since, "--output", "export"], {
      timeoutMs: 60_000,
    });
    search.text(stdout, "the journal");
  }
  return search;
}

const inAccounts = ({ where }: Finding): boolean =>
  where.startsWith("accounts.") || /\/lethe\.db(-wal)?$/.test(where);

/** After everyone has disconnected nothing is left of who was there; after a deletion nothing of the account. */
export function traceCases(scene: () => Scene, startedMs: number): void {
  describe("what is left after disconnecting", () => {
    test("no client's address, no VPN credential, no account name outside the accounts table", async (context) => {
      const { world, provider } = scene();
      const anna = await scene().member("anna.lab");
      const members = await scene().members();
      const client = OpenVpnClient.start(world.client1, world.folder, anna.vpn);
      const visited = `${Math.random().toString(36).slice(2)}.any.lab.example`;
      try {
        await client.online();
        assert.equal(await seenAddress(world.client1), lab.exit.v4);
        assert.equal(await fetchFrom(world.client1, `http://${visited}/ip`), lab.exit.v4);
      } finally {
        await client.stop();
      }
      for (const kind of ["socks5", "http", "connect"] as const) {
        const seen = await fetchFrom(world.client2, `http://${visited}/ip`, ...curlThrough(kind, anna.vpn));
        assert.equal(seen, lab.exit.v4);
        await seenAddress(
          world.client2,
          ...curlThrough(kind, { ...anna.vpn, password: "guessed by a stranger" }),
        );
      }
      const needles = [
        { what: "a name that a member visited", text: visited },
        ...addresses,
        ...members.flatMap(vpnNeedles),
        ...members.flatMap(accountNeedles),
      ];
      const search = await searchEverywhere(scene(), needles, startedMs);
      context.diagnostic(`looked at ${JSON.stringify(search.looked)} for ${needles.length} texts`);
      assert.ok(search.looked.files > 5 && search.looked.cells > 20 && search.looked.processes > 4);
      const named = (finding: Finding) => /^(account name|e-mail)/.test(finding.what) && inAccounts(finding);
      assert.deepEqual(
        search.findings.filter((finding) => !named(finding)),
        [],
      );
      assert.ok(search.findings.some(named), "control: the accounts table holds the names");
      assert.ok(provider.running);
    });

    test("control: a planted address and a planted VPN username are found", async () => {
      const { provider } = scene();
      const { vpn } = await scene().member("anna.lab");
      const file = join(provider.data, "exit", "planted");
      const needles = [...addresses, { what: "VPN username", text: vpn.username }];
      try {
        writeFileSync(file, Buffer.from(`x${lab.client1.v4} ${vpn.username}`).toString("base64"));
        const { findings } = await searchEverywhere(scene(), needles, startedMs);
        assert.deepEqual([...new Set(findings.map(({ where }) => where))], [file]);
        const found = new Set(findings.map(({ what }) => what));
        assert.ok(found.has("client 1's address") && found.has("VPN username"));
      } finally {
        rmSync(file, { force: true });
      }
    });

    test("after an account is deleted the search that found it finds no byte of it", async () => {
      const gone = await scene().member("gustav.lab");
      const needles = [...accountNeedles(gone), ...vpnNeedles(gone)];
      const before = await searchEverywhere(scene(), needles, startedMs);
      const found = (what: string) => before.findings.some((finding) => finding.what.startsWith(what));
      assert.ok(found("account name") && found("e-mail"), "control: before, name and e-mail are found");
      await deleteAccount(gone);
      const after = await searchEverywhere(scene(), needles, startedMs);
      assert.deepEqual(after.findings, []);
    });
  });
}
