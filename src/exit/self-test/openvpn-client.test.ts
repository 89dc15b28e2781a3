import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { accessSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../lib/clock.ts";
import { newKey, openssl } from "../../lib/openssl.ts";
import { findProgram } from "../../lib/run-command.ts";
import { skipFor } from "../../lib/testing.ts";
import { certificateName } from "../../link/certificate-name.ts";
import { recordingLog, until } from "../../link/testing.ts";
import type { LoginAttempt } from "../authorise.ts";
import { Sessions } from "../keeper/sessions.ts";
import { unprivileged } from "../launcher.ts";
import { openvpnConfiguration } from "../openvpn/configuration.ts";
import { attachManagement, type ManagementLink } from "../openvpn/management.ts";
import { type Tunnel, tunnelsOf } from "../tunnel-plan.ts";
import { SelfTestLogins } from "./logins.ts";
import { openvpnClientConfiguration, openvpnWorks } from "./openvpn-client.ts";

const openvpn = findProgram("openvpn");
const [unshare, nsenter] = [findProgram("unshare"), findProgram("nsenter")];

function missing(): string | undefined {
  if (process.getuid!() !== 0) return "needs root: it makes a network namespace and a tun device";
  if (!openvpn || !unshare || !nsenter) return "needs openvpn and util-linux";
  try {
    accessSync("/dev/net/tun");
  } catch {
    return "needs /dev/net/tun";
  }
  return undefined;
}

const skip = skipFor(missing());

/** A real OpenVPN server on loopback in a network namespace of its own, with our configuration, management and logins. */
describe("the OpenVPN self-test", { skip, timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-selftest-"));
  const authorityOf = (key: string): string =>
    openssl((path) => ["req", "-x509", "-key", path!, "-subj", "/CN=Authority", "-days", "99"], key);
  const key = newKey();
  const authority = authorityOf(key);
  const tlsCrypt = execFileSync(openvpn ?? "false", ["--genkey", "tls-crypt"], { encoding: "utf8" });
  const tunnels = tunnelsOf({
    listen: [
      { protocol: "udp", address: "0.0.0.0", port: 1194 },
      { protocol: "tcp", address: "127.0.0.1", port: 443 },
    ],
    tlsCrypt,
  });
  const logins = new SelfTestLogins();
  const attempts: LoginAttempt[] = [];
  const sessions = new Sessions({
    source: { authorise: () => undefined },
    timeMs: () => Date.now(),
    clock: systemClock,
    log: recordingLog().log,
    selfTest: (attempt) => {
      attempts.push(attempt);
      return logins.admit(attempt);
    },
  });
  const links: ManagementLink[] = [];
  const servers: ChildProcess[] = [];
  let holder: ChildProcess;
  let inside: string[];

  before(async () => {
    mkdirSync(join(folder, "run"));
    const tlsKey = newKey();
    const name = certificateName("exit1");
    const request = openssl((path) => ["req", "-new", "-key", path!, "-subj", `/CN=${name}`], tlsKey);
    const extensions = `subjectAltName = DNS:${name}\nextendedKeyUsage = serverAuth\nkeyUsage = critical, digitalSignature\n`;
    const signed = openssl(
      (ca, caKey, csr, ext) => [
        ...["x509", "-req", "-in", csr!, "-CA", ca!, "-CAkey", caKey!, "-set_serial", "1", "-days", "9"],
        ...["-extfile", ext!],
      ],
      authority,
      key,
      request,
      extensions,
    );
    for (const [file, text] of Object.entries({ "tls.key": tlsKey, "tls.crt": signed, "ca.crt": authority }))
      writeFileSync(join(folder, file), text, { mode: 0o600 });
    holder = spawn(unshare!, ["--net", "sleep", "100"], { stdio: "ignore" });
    const own = (): boolean => {
      const name = (pid: number | string): string =>
        execFileSync("readlink", [`/proc/${pid}/ns/net`], { encoding: "utf8" });
      return name(holder.pid!) !== name("self");
    };
    await until(own, "the namespace is there");
    inside = [nsenter!, `--net=/proc/${holder.pid}/ns/net`];
    const ip = (...words: string[]): void => void execFileSync(inside[0]!, [inside[1]!, "ip", ...words]);
    ip("link", "set", "lo", "up");
    for (const tunnel of tunnels) {
      ip("tuntap", "add", "dev", tunnel.device, "mode", "tun");
      ip("link", "set", tunnel.device, "up");
      const managementSocket = join(folder, "run", `${tunnel.id}.sock`);
      const path = join(folder, "run", `${tunnel.id}.conf`);
      const place = { folder, managementSocket, runAs: undefined, keeper: undefined, ipv6: false };
      writeFileSync(path, openvpnConfiguration(tunnel, tlsCrypt, place), { mode: 0o600 });
      servers.push(spawn(inside[0]!, [inside[1]!, openvpn!, "--config", path], { stdio: "ignore" }));
      await until(() => existsSync(managementSocket), "openvpn listens");
      const log = recordingLog().log;
      const link = attachManagement({
        path: managementSocket,
        authoriser: sessions,
        log,
        clock: systemClock,
      });
      links.push(link);
      await until(() => link.attached, "attached");
    }
  });
  after(() => {
    for (const link of links) link.close();
    for (const child of [...servers, holder]) child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  async function works(
    tunnel: Tunnel,
    options: {
      timeoutMs?: number;
      addresses?: string[];
      authority?: string;
      name?: string;
      ended?: boolean;
    } = {},
  ): Promise<boolean> {
    const { login, end } = logins.begin({
      service: "openvpn",
      addresses: options.addresses ?? ["127.0.0.1"],
      uses: 1,
    });
    if (options.ended) end();
    const configuration = openvpnClientConfiguration({
      tunnel,
      login,
      ca: options.authority ?? authority,
      certificateName: options.name ?? certificateName("exit1"),
      tlsCrypt,
    });
    const launcher = [...inside, ...unprivileged({ uid: 65_534, gid: 65_534 })!];
    const timeoutMs = options.timeoutMs ?? 8000;
    const passed = await openvpnWorks({ program: openvpn!, launcher, configuration, timeoutMs });
    end();
    return passed;
  }

  for (const [index, tunnel] of tunnels.entries()) {
    test(`${tunnel.protocol}: a client gets in, from our own address, and leaves no session`, async () => {
      attempts.length = 0;
      assert.equal(await works(tunnel), true);
      assert.deepEqual(
        attempts.map(({ service, address }) => [service, address]),
        [["openvpn", "127.0.0.1"]],
      );
      assert.equal(sessions.size, 0);
    });

    test(`${tunnel.protocol}: a hanging engine is found within the time, and well again afterwards`, async () => {
      servers[index]!.kill("SIGSTOP");
      const startedMs = performance.now();
      assert.equal(await works(tunnel, { timeoutMs: 1000 }), false);
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs < 10_000, `${tookMs} ms`);
      servers[index]!.kill("SIGCONT");
      assert.equal(await works(tunnel), true);
    });
  }

  test("another certificate name, another authority, a login of an earlier round or another address fail", async () => {
    const [tunnel] = tunnels;
    assert.equal(await works(tunnel!, { name: certificateName("exit2"), timeoutMs: 2000 }), false);
    assert.equal(await works(tunnel!, { authority: authorityOf(newKey()), timeoutMs: 2000 }), false);
    assert.equal(await works(tunnel!, { ended: true, timeoutMs: 3000 }), false);
    assert.equal(await works(tunnel!, { addresses: ["192.0.2.1"], timeoutMs: 3000 }), false);
  });
});
