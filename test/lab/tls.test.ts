import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { type Pebble, selfSigned, startPebble } from "../../src/certificates/testing.ts";
import { ViciClient } from "../../src/exit/ikev2/vici-client.ts";
import { lethe } from "./host-provider.ts";
import { endProgram, Namespace, PATIENCE_MS, runFolderOf, until, withOwnWireguard } from "./namespace.ts";
import { skipOrFail } from "./requirements.ts";

const NAME = "vpn.lab.example";

/** What strongSwan has been told to answer with. */
async function ikev2Connections(data: string): Promise<unknown[]> {
  const vici = await ViciClient.open(join(runFolderOf(data), "management", "ikev2.sock"));
  try {
    const conns = (await vici.request("get-conns")).get("conns");
    return Array.isArray(conns) ? conns : [];
  } finally {
    vici.close();
  }
}

/** The whole provider with TLS of its own: root opens ports 80 and 443, the unprivileged office serves them. */
describe("the site with its own certificate", { skip: skipOrFail() }, () => {
  const space = new Namespace(`lethe-${process.pid}-1-tls`);
  const folder = mkdtempSync(join(tmpdir(), `lethe-${process.pid}-1-`));
  let pebble: Pebble | undefined;
  let running: { child: ChildProcess; said: () => string } | undefined;

  before(async () => {
    // The office's user has to come through.
    chmodSync(folder, 0o711);
    await space.create("127.0.0.1");
    pebble = await startPebble({ challengePort: 80, inside: (argv) => space.inside(argv) });
    assert(pebble !== undefined, "pebble is not installed");
    writeFileSync(join(folder, "authority.pem"), pebble.authority);
  });
  afterEach(() => stop());
  after(async () => {
    await pebble?.stop();
    await space.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(name: string, tls: string, env: Record<string, string> = {}, host = NAME): string {
    const data = join(folder, name);
    mkdirSync(data, { recursive: true });
    const text = `[site]
listen = ["0.0.0.0:443", "0.0.0.0:80", "[::]:443", "[::]:80"]
[tls]
${tls}
[openvpn]
udp = []
tcp = []
[socks5]
listen = ["127.0.0.1:180"]
[http_proxy]
listen = ["0.0.0.0:181"]
[server]
host = "${host}"
`;
    writeFileSync(join(data, "lethe.toml"), text);
    const child = space.start(
      withOwnWireguard(`${data}-wireguard`, [lethe, "up", "--data", data]),
      ["ignore", "pipe", "pipe"],
      env,
    );
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (part: string) => {
        said += part;
      });
    running = { child, said: () => said };
    return data;
  }

  async function stop(): Promise<void> {
    const { child } = running ?? {};
    running = undefined;
    await endProgram(child);
  }

  /** What curl prints with the answer's head. */
  const curl = async (url: string, ...more: string[]): Promise<string> => {
    const names = [443, 80].flatMap((port) => ["--resolve", `${NAME}:${port}:127.0.0.1`]);
    const { stdout } = await space.run(["curl", "-si", "--max-time", "30", ...names, ...more, url]);
    return stdout;
  };
  const isUp = () =>
    until("the provider", PATIENCE_MS, () => /SOCKS5/.test(running!.said())).catch((error: Error) => {
      throw new Error(`${error.message}\n${running!.said()}`);
    });

  /** Process ids that listen on a port, by ss(8). */
  const listeners = async (port: number): Promise<number[]> => {
    const { stdout } = await space.run(["ss", "-Hltnp", `( sport = :${port} )`]);
    return [...new Set([...stdout.matchAll(/pid=(\d+)/g)].map((found) => Number(found[1])))];
  };
  const userOf = (pid: number): string =>
    /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]!;

  test("orders it by ACME, serves it as an unprivileged user, and comes back with it after a crash", async () => {
    const data = start(
      "acme",
      `acme = "${pebble!.directory}"\nacme_authority = "${join(folder, "authority.pem")}"\nnames = ["${NAME}"]`,
    );
    await isUp();
    const root = join(folder, "root.pem");
    writeFileSync(root, await pebble!.root());
    const page = await until(
      () => `a page by https\n${running!.said()}`,
      PATIENCE_MS,
      async () => {
        const answer = await curl(`https://${NAME}/log-in`, "--cacert", root);
        return answer.startsWith("HTTP/1.1 200") && answer;
      },
    );
    assert.match(page, /^strict-transport-security: max-age=\d{8}/im);
    assert.match(page, /^set-cookie: __Host-form=.*Secure/im);
    assert.match(
      await curl(`http://${NAME}/status?x=1`),
      /^HTTP\/1.1 308 [\s\S]*location: https:\/\/vpn.lab.example\/status\?x=1\r/i,
    );
    assert.match(await curl("http://127.0.0.1/"), /^HTTP\/1.1 421 /);
    const six = ["--resolve", `${NAME}:443:[::1]`, "--cacert", root];
    assert.match((await space.run(["curl", "-si", ...six, `https://${NAME}/`])).stdout, /^HTTP\/1.1 200/);
    const status = await space.must([lethe, "status", "--data", data]);
    assert.match(status, /Certificate good until \d{4}-\d\d-\d\d, renews itself/);
    assert.match(status, /Site {8}https:\/\/vpn.lab.example\n/);
    assert.match((await space.run([lethe, "doctor", "--data", data])).stdout, /ok {4}certificate good until/);

    const [office, ...others] = await listeners(443);
    assert.deepEqual(others, []);
    assert.notEqual(userOf(office!), "0");
    assert.deepEqual(await listeners(80), [office]);
    process.kill(office!, "SIGKILL");
    await until("another office", PATIENCE_MS, async () => {
      const [now] = await listeners(443);
      return now !== undefined && now !== office;
    });
    assert.match(await curl(`https://${NAME}/`, "--cacert", root), /^HTTP\/1.1 200/);
    // So do the proxies, one process a core on one port, each unprivileged.
    assert.match(status, /SOCKS5 +TCP +127.0.0.1:180 +ready/);
    assert.match(await curl("http://127.0.0.1:181/"), /^HTTP\/1.1 4\d\d /);
    const proxies = await until("a proxy a core", PATIENCE_MS, async () => {
      const now = await listeners(181);
      return now.length === availableParallelism() && now;
    });
    for (const pid of proxies) assert.notEqual(userOf(pid), "0");
    process.kill(proxies[0]!, "SIGKILL");
    await until("another proxy", PATIENCE_MS, async () => {
      const now = await listeners(181);
      return now.length === proxies.length && !now.includes(proxies[0]!);
    });
    // The one that it had: nothing was ordered anew.
    assert.equal(running!.said().match(/certificate-renewed/g)?.length, 1);
    await stop();
    assert.deepEqual(await listeners(443), []);
    rmSync(runFolderOf(data), { recursive: true, force: true });
  });

  test("has one for the exit beside it, too, whose key is root's, by way of the same port 80", async () => {
    const host = "exit1.lab.example";
    const words = `acme = "${pebble!.directory}"\nacme_authority = "${join(folder, "authority.pem")}"\nnames = ["${NAME}"]\nexits = true`;
    const data = start("exits", words, {}, host);
    await isUp();
    const shown = () => space.run([lethe, "server", "list", "--data", data]).then(({ stdout }) => stdout);
    await until("the exit's certificate", PATIENCE_MS, async () =>
      /certificate until \d{4}-\d\d-\d\d/.test(await shown()),
    );
    const path = join(data, "exit", "public.crt");
    assert.equal(new X509Certificate(readFileSync(path)).subjectAltName, `DNS:${host}`);
    const key = statSync(join(data, "exit", "public.key"));
    assert.deepEqual([key.mode & 0o777, key.uid], [0o600, 0]);
    // IKEv2 has a connection for each certificate that it shows, and hears of this one without waiting for anything else.
    await until("IKEv2 shows it", PATIENCE_MS, async () => (await ikev2Connections(data)).length === 2);
    await stop();

    // The site's own name is the site's alone.
    start("exits", words);
    await isUp();
    await until("the list", PATIENCE_MS, async () => /the site's certificate/.test(await shown()));
    await stop();
    rmSync(runFolderOf(data), { recursive: true, force: true });
  });

  test("takes it from files that only root can read, or from systemd credentials, and the next one without a restart", async () => {
    const pair = selfSigned([NAME]);
    const credentials = join(folder, "credentials");
    mkdirSync(credentials, { mode: 0o700 });
    const put = ({ certificate, key }: typeof pair) => {
      writeFileSync(join(credentials, "site.crt"), certificate, { mode: 0o600 });
      writeFileSync(join(credentials, "site.key"), key, { mode: 0o600 });
    };
    put(pair);
    writeFileSync(join(credentials, "site.secret"), Buffer.alloc(32, 7), { mode: 0o600 });
    const words = `certificate = "site.crt"\nkey = "site.key"\nnames = ["${NAME}"]`;
    const data = start("files", words, { CREDENTIALS_DIRECTORY: credentials });
    await isUp();
    writeFileSync(join(folder, "one.pem"), pair.certificate);
    assert.match(await curl(`https://${NAME}/`, "--cacert", join(folder, "one.pem")), /^HTTP\/1.1 200/);
    const next = selfSigned([NAME], 20);
    writeFileSync(join(folder, "two.pem"), next.certificate);
    put(next);
    await until("the next certificate", PATIENCE_MS, async () =>
      (await curl(`https://${NAME}/`, "--cacert", join(folder, "two.pem"))).startsWith("HTTP/1.1 200"),
    );
    // The key that was given stands in no file of ours.
    assert.throws(() => readFileSync(join(data, "office", "site.secret")), { code: "ENOENT" });
    await stop();

    const without = start("files", words);
    const { child, said } = running!;
    await until("it to end", PATIENCE_MS, () => child.exitCode !== null);
    assert.match(said(), /tls.certificate is "site.crt", the name of a systemd credential/);
    assert.equal(child.exitCode, 1);
    rmSync(runFolderOf(without), { recursive: true, force: true });
  });
});
