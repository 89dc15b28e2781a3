import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { selfSigned } from "../../src/certificates/testing.ts";
import { ApiMember } from "./api-member.ts";
import { startChromium } from "./browser.ts";
import { lethe } from "./host-provider.ts";
import { endProgram, link, Namespace, PATIENCE_MS, runFolderOf, until } from "./namespace.ts";
import { skipOrFail } from "./requirements.ts";

const NAME = "vpn.lab.example";
const HERE = "198.18.0.1";
const WEB = "198.18.0.2";
const CLIENT = "198.18.1.2";

/** A provider whose site has a certificate: its proxies show it, too. A client, and a web server behind the exit. */
describe("the proxies over TLS", { skip: skipOrFail() }, () => {
  const spaces = ["tls", "web", "client"].map((role) => new Namespace(`lethe-${process.pid}-1-${role}`));
  const [space, web, client] = spaces as [Namespace, Namespace, Namespace];
  const folder = mkdtempSync(join(tmpdir(), `lethe-${process.pid}-1-`));
  const data = join(folder, "data");
  const pair = selfSigned([NAME]);
  const ca = join(folder, "site.crt");
  let provider: ChildProcess | undefined;
  let said = "";
  let login: { username: string; password: string };

  before(async () => {
    chmodSync(folder, 0o711);
    mkdirSync(data);
    for (const each of spaces) {
      await each.create("127.0.0.1");
      writeFileSync(`/etc/netns/${each.name}/hosts`, `127.0.0.1 localhost\n198.18.1.1 ${NAME}\n`);
    }
    await link([space, "web0", `${HERE}/24`], [web, "eth0", `${WEB}/24`]);
    await link([space, "client0", "198.18.1.1/24"], [client, "eth0", `${CLIENT}/24`]);
    const answer = "(request, response) => response.end('seen ' + request.socket.remoteAddress)";
    web.start([process.execPath, "-e", `require("node:http").createServer(${answer}).listen(80)`]);
    writeFileSync(ca, pair.certificate);
    writeFileSync(join(folder, "site.key"), pair.key, { mode: 0o600 });
    // curl's own list of authorities, for the whole test.
    process.env.CURL_CA_BUNDLE = ca;
    writeFileSync(
      join(data, "lethe.toml"),
      `[site]
listen = ["0.0.0.0:443", "0.0.0.0:80"]
[tls]
certificate = "${ca}"
key = "${join(folder, "site.key")}"
names = ["${NAME}"]
[server]
host = "${NAME}"
[openvpn]
udp = []
tcp = []
[wireguard]
port = 0
[egress]
allow = ["198.18.0.0/24"]
`,
    );
    const child = space.start([lethe, "up", "--data", data]);
    provider = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (part: string) => {
        said += part;
      });
    await until("the provider", PATIENCE_MS, () => /HTTPS proxy/.test(said)).catch((error: Error) => {
      throw new Error(`${error.message}\n${said}`);
    });
    const voucher = (await space.must([lethe, "voucher", "make", "--days", "30", "--data", data])).trim();
    const member = new ApiMember(client, `https://${NAME}`, "anna.lab");
    assert.equal((await member.signUp(voucher)).status, 201);
    const { json } = await member.ask("GET", "/api/v1/account/credentials");
    login = { username: String(json.vpnUsername), password: String(json.vpnPassword) };
  });
  after(async () => {
    delete process.env.CURL_CA_BUNDLE;
    await endProgram(provider);
    for (const each of spaces) await each.remove();
    rmSync(runFolderOf(data), { recursive: true, force: true });
    rmSync(folder, { recursive: true });
  });

  const curl = (...argv: string[]) =>
    client.run(["curl", "-sS", "--max-time", "30", ...argv, `http://${WEB}/`]);

  test("curl goes through the HTTPS proxy, whose certificate it has checked, and is seen as the exit", async () => {
    const through = [
      "--proxy",
      `https://${NAME}:8443`,
      "--proxy-user",
      `${login.username}:${login.password}`,
    ];
    for (const more of [[], ["--proxytunnel"]]) {
      const { stdout, stderr } = await curl("--proxy-cacert", ca, ...through, ...more);
      assert.match(stdout, new RegExp(`^seen (::ffff:)?${HERE}$`), stderr);
    }
    const other = join(folder, "other.crt");
    writeFileSync(other, selfSigned([NAME]).certificate);
    assert.equal((await curl("--proxy-cacert", other, ...through)).code, 60, "control: another authority");
    const wrong = [
      "--proxy",
      `https://${NAME}:8443`,
      "--proxy-user",
      `${login.username}:wrong`,
      "--proxytunnel",
    ];
    assert.equal((await curl("--proxy-cacert", ca, ...wrong)).code, 56);
  });

  test("Chromium goes through it by the PAC file of the site", async () => {
    const { stdout: pac } = await client.run(["curl", "-sS", `https://${NAME}/proxy/exit1.pac`]);
    assert.match(pac, new RegExp(`return "HTTPS ${NAME}:8443; PROXY 127\\.0\\.0\\.1:9";`));
    const spki = new X509Certificate(pair.certificate).publicKey.export({ type: "spki", format: "der" });
    const browser = await startChromium(client, folder, { server: "http://unused.invalid", ...login }, [
      // Stands above the server named as the proxy, which is there for the login that goes with it.
      `--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,${Buffer.from(pac).toString("base64")}`,
      // It knows its own authorities alone: this one key is named to it.
      `--ignore-certificate-errors-spki-list=${createHash("sha256").update(spki).digest("base64")}`,
    ]);
    try {
      const page = await browser.newPage();
      await page.goto(`http://${WEB}/`);
      assert.match((await page.textContent("body")) ?? "", new RegExp(`^seen (::ffff:)?${HERE}$`));
    } finally {
      await browser.close();
    }
  });

  test("the next certificate is shown without a restart", async () => {
    const next = selfSigned([NAME], 20);
    const file = join(folder, "next.crt");
    writeFileSync(file, next.certificate);
    writeFileSync(join(folder, "site.key"), next.key, { mode: 0o600 });
    writeFileSync(ca, next.certificate);
    const through = [
      "--proxy",
      `https://${NAME}:8443`,
      "--proxy-user",
      `${login.username}:${login.password}`,
    ];
    await until(
      "the next certificate",
      PATIENCE_MS,
      async () => (await curl("--proxy-cacert", file, ...through)).code === 0,
    );
  });
});
