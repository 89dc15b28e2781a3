import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Pair } from "../../src/certificates/pair.ts";
import { type Pebble, selfSigned, startPebble } from "../../src/certificates/testing.ts";
import { ViciClient } from "../../src/exit/ikev2/vici-client.ts";
import { lab } from "./addresses.ts";
import { ApiMember } from "./api-member.ts";
import { FleetExit, lineIn } from "./fleet-exit.ts";
import { FleetOffice } from "./fleet-office.ts";
import { FleetWorld, fleet } from "./fleet-world.ts";
import { PATIENCE_MS, until } from "./namespace.ts";
import { skipOrFail } from "./requirements.ts";

const SITE = "vpn.lab.example";
const [ORDERED, GIVEN] = ["london1.lab.example", "oslo1.lab.example"] as const;
const CERTIFICATE_WITHIN_MS = 300_000;

/**
 * Two servers that joined by a pasted line, each with a public certificate for its own name: `london1` has one ordered by ACME (pebble,
 * in the office's place), `oslo1` has the operator's files. A client goes through their proxies over TLS.
 */
describe("public certificates of servers that joined", { skip: skipOrFail() }, () => {
  let world: FleetWorld;
  let office: FleetOffice;
  let pebble: Pebble | undefined;
  let london: FleetExit;
  let oslo: FleetExit;
  let login: string;
  const given = selfSigned([GIVEN]);
  const file = (name: string) => join(world.folder, name);
  const keysOf = (exit: FleetExit) => join(exit.machine.disk, "etc", "lethe-exit");

  /** As certbot leaves them. */
  function put({ certificate, key }: Pair): void {
    const folder = join(keysOf(oslo), "public");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, "privkey.pem"), key, { mode: 0o600 });
    writeFileSync(join(folder, "fullchain.pem"), certificate);
  }

  async function enrol(exit: FleetExit, host: string, address: string): Promise<void> {
    const printed = await office.mustCommand(
      ...["server", "add", exit.name, "--host", host, "--city", "Labville", "--country-code", "GB"],
      ...["--address", address, "--bandwidth", "100"],
    );
    exit.paste(lineIn(printed));
    await exit.enrolled();
  }

  const publicCertificate = async (exit: FleetExit) =>
    (await office.servers()).find(({ name }) => name === exit.name)?.publicCertificate;
  /** curl's exit code and what it got through a server's HTTPS proxy, whose certificate it checks with this file alone. */
  const through = async (host: string, authority: string) => {
    const proxy = ["--proxy", `https://${host}:8443`, "--proxy-user", login, "--proxy-cacert", authority];
    const { code, stdout } = await world.client.run([
      ...["curl", "-sS", "--max-time", "30", ...proxy, `http://${lab.internet.web4}/ip`],
    ]);
    return { code, seen: stdout.trim() };
  };

  before(async () => {
    world = await FleetWorld.open(2);
    const [one, two] = world.exits.map((machine) => world.addressOf(machine)) as [string, string];
    const addresses = { [SITE]: fleet.office.v4, [ORDERED]: one, [GIVEN]: two };
    const hosts = Object.entries(addresses).map(([name, address]) => `${address} ${name}\n`);
    for (const space of [world.client, world.internet]) {
      mkdirSync(`/etc/netns/${space.name}`, { recursive: true });
      writeFileSync(`/etc/netns/${space.name}/hosts`, ["127.0.0.1 localhost\n", ...hosts].join(""));
    }
    pebble = await startPebble({
      challengePort: 80,
      addresses,
      inside: (argv) => world.office.inside(argv),
    });
    assert.ok(pebble !== undefined, "pebble is not installed");
    writeFileSync(file("authority.pem"), pebble.authority);
    const root = await pebble.root();
    writeFileSync(file("root.pem"), root);
    writeFileSync(file("given.pem"), given.certificate);
    // The lab's own curl, and that of each machine.
    process.env.CURL_CA_BUNDLE = file("root.pem");
    for (const machine of [world.office, ...world.exits]) {
      appendFileSync(join(machine.disk, "etc", "hosts"), hosts.join(""));
      appendFileSync(join(machine.disk, "etc", "ssl", "certs", "ca-certificates.crt"), `\n${root}`);
    }
    const settings = `[site]
listen = ["${fleet.office.v4}:443", "${fleet.office.v4}:80"]
url = "https://${SITE}"
[tls]
acme = "${pebble.directory}"
acme_authority = "${file("authority.pem")}"
names = ["${SITE}"]
exits = true
[server]
name = "office1"
host = "${fleet.office.v4}"
addresses = ["${fleet.office.v4}"]
[link]
hosts = ["${fleet.office.v4}"]
[openvpn]
udp = []
tcp = []
[wireguard]
port = 0
[ssh]
listen = []
[dns]
forward = ["${lab.internet.resolver}"]
validate = false
[egress]
allow = ["198.18.0.0/16"]
`;
    office = await FleetOffice.startAlone(world, settings, `https://${SITE}`);
    london = new FleetExit(office, world.exits[0]!, "london1");
    oslo = new FleetExit(office, world.exits[1]!, "oslo1");
    put(given);
    await enrol(london, ORDERED, one);
    await enrol(oslo, GIVEN, two);
    const member = new ApiMember(world.internet, office.site, "anna.lab");
    const voucher = (await office.mustCommand("voucher", "make", "--days", "30")).trim();
    assert.equal((await member.signUp(voucher)).status, 201);
    const { json } = await member.ask("GET", "/api/v1/account/credentials");
    login = `${json.vpnUsername}:${json.vpnPassword}`;
  });
  after(async () => {
    delete process.env.CURL_CA_BUNDLE;
    await office?.remove();
    await pebble?.stop();
    await world?.close();
  });

  test("one is ordered and its key stays on the server; with files nothing is ordered; all is well then", async () => {
    await Promise.all([london.up(CERTIFICATE_WITHIN_MS), oslo.up(CERTIFICATE_WITHIN_MS)]);
    const [ordered, files] = [await publicCertificate(london), await publicCertificate(oslo)];
    assert.ok(ordered?.until !== undefined && ordered.files === undefined && ordered.problem === undefined);
    assert.deepEqual([files?.files, files?.problem], [true, undefined]);
    const key = join(keysOf(london), "public.key");
    assert.deepEqual([statSync(key).mode & 0o777, statSync(key).uid], [0o600, 0]);
    assert.deepEqual(
      readdirSync(keysOf(oslo)).filter((name) => name.startsWith("public")),
      ["public"],
    );
    // A line out of the middle of the key stands nowhere at the office.
    const line = readFileSync(key, "utf8").split("\n")[1]!;
    assert.ok(line.length > 40);
    const found = await world.office.run(["grep", "-rlF", "--", line, office.data]);
    assert.deepEqual([found.code, found.stdout], [1, ""]);
    const { stdout } = await office.command("certificates");
    assert.match(stdout, /london1, .*\d{4}-\d\d-\d\d/);
    assert.match(stdout, /oslo1, .*\d{4}-\d\d-\d\d/);
  });

  test("curl goes through each HTTPS proxy, whose certificate it has checked; SOCKS5 over TLS shows the same", async () => {
    for (const [exit, host, authority, other] of [
      [london, ORDERED, file("root.pem"), file("given.pem")],
      [oslo, GIVEN, file("given.pem"), file("root.pem")],
    ] as const) {
      assert.deepEqual(await through(host, authority), { code: 0, seen: world.addressOf(exit.machine) });
      assert.equal((await through(host, other)).code, 60, "control: another authority");
      const { stdout, stderr } = await world.client.run([
        ...["openssl", "s_client", "-connect", `${host}:1081`, "-CAfile", authority, "-servername", host],
        ...["-verify_hostname", host, "-verify_return_error", "-brief"],
      ]);
      assert.match(`${stdout}${stderr}`, /Verification: OK/, host);
    }
  });

  test("the PAC files name the HTTPS proxies, and IKEv2 answers by the public names, too", async () => {
    const pac = async (name: string) =>
      (await world.internet.must(["curl", "-sS", "--fail", `${office.site}/proxy/${name}.pac`])).match(
        /return "(HTTPS .*)";/,
      )?.[1];
    // Clients that know no HTTPS proxy come to where nobody is, and do not go around it.
    const deadEnd = "PROXY 127.0.0.1:9";
    assert.equal(await pac("london1"), `HTTPS ${ORDERED}:8443; ${deadEnd}`);
    assert.equal(await pac("oslo1"), `HTTPS ${GIVEN}:8443; ${deadEnd}`);
    const any = (await pac("recommended"))?.split("; ") ?? [];
    assert.equal(any.pop(), deadEnd);
    assert.deepEqual(any.toSorted(), [`HTTPS ${ORDERED}:8443`, `HTTPS ${GIVEN}:8443`]);
    for (const { machine } of [london, oslo]) {
      const socket = `/proc/${machine.init}/root/run/lethe-exit/management/ikev2.sock`;
      await until("IKEv2 to show both", PATIENCE_MS, async () => {
        const vici = await ViciClient.open(socket);
        try {
          const conns = (await vici.request("get-conns")).get("conns");
          return Array.isArray(conns) && conns.length === 2;
        } finally {
          vici.close();
        }
      });
    }
  });

  test("the next files are shown without a restart, bad ones are said and take nothing away, and without any it is ordered", async () => {
    const next = selfSigned([GIVEN], 20);
    writeFileSync(file("next.pem"), next.certificate);
    put(next);
    await until(
      "the next files",
      PATIENCE_MS,
      async () => (await through(GIVEN, file("next.pem"))).code === 0,
    );
    put(selfSigned([SITE]));
    await until(
      "the office to hear of it",
      PATIENCE_MS,
      async () => (await publicCertificate(oslo))?.problem === "files-names",
    );
    assert.equal((await through(GIVEN, file("next.pem"))).code, 0);
    assert.match(
      (await office.command("doctor")).stdout,
      /oslo1: .*the certificate in the files on the server does not bear its host/,
    );
    rmSync(join(keysOf(oslo), "public"), { recursive: true });
    await until(
      "an order",
      CERTIFICATE_WITHIN_MS,
      async () => (await through(GIVEN, file("root.pem"))).code === 0,
    );
    await until("the office to hear of it", PATIENCE_MS, async () => {
      const { problem, files, until: end } = (await publicCertificate(oslo)) ?? {};
      return problem === undefined && files === undefined && end !== undefined;
    });
    assert.equal(statSync(join(keysOf(oslo), "public.key")).mode & 0o777, 0o600);
  });
});
