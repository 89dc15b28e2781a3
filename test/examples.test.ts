import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { selfSigned } from "../src/certificates/testing.ts";
import { findProgram, runCommand } from "../src/lib/run-command.ts";
import { skipFor } from "../src/lib/testing.ts";

const example = (name: string) => fileURLToPath(new URL(`../docs/examples/${name}`, import.meta.url));

function installed(name: string, t: TestContext): string | undefined {
  const program = findProgram(name);
  if (program === undefined) t.skip(skipFor(`${name} is not installed`));
  return program;
}

describe("the examples of TLS proxies in front", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-examples-"));
  after(() => rmSync(folder, { recursive: true }));

  it("nginx takes its own, and logs nothing", async (t) => {
    const nginx = installed("nginx", t);
    if (nginx === undefined) return;
    const { certificate, key } = selfSigned(["vpn.example.net"]);
    writeFileSync(join(folder, "site.pem"), certificate);
    writeFileSync(join(folder, "site.key"), key, { mode: 0o600 });
    const text = readFileSync(example("nginx.conf"), "utf8");
    // The test has neither its files nor its right to write a process number; `-t` opens both.
    const here = text
      .replace("/etc/ssl/vpn.example.net.pem", join(folder, "site.pem"))
      .replace("/etc/ssl/private/vpn.example.net.key", join(folder, "site.key"))
      .replace("/run/nginx.pid", join(folder, "nginx.pid"));
    writeFileSync(join(folder, "nginx.conf"), here);
    const test = (path: string) => runCommand([nginx, "-t", "-e", "/dev/null", "-c", path]);
    const { code, stderr } = await test(join(folder, "nginx.conf"));
    assert.equal(code, 0, stderr);
    writeFileSync(join(folder, "wrong.conf"), here.replace("proxy_pass", "proxy_past"));
    assert.notEqual((await test(join(folder, "wrong.conf"))).code, 0);
    assert.match(text, /^error_log \/dev\/null crit;$/m);
    assert.match(text, /^ {4}access_log off;$/m);
  });

  it("Caddy takes its own, and logs nothing", async (t) => {
    const caddy = installed("caddy", t);
    if (caddy === undefined) return;
    const path = join(folder, "Caddyfile");
    cpSync(example("Caddyfile"), path);
    const adapt = async (file: string) => {
      const { code, stdout, stderr } = await runCommand([
        caddy,
        "adapt",
        "--adapter",
        "caddyfile",
        "--config",
        file,
      ]);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const { logging, apps } = await adapt(path);
    assert.equal(logging.logs.default.writer.output, "discard");
    for (const server of Object.values<Record<string, unknown>>(apps.http.servers))
      assert.equal(server.logs, undefined);
    // The control: with `log` in the site it would.
    const logs = join(folder, "logs");
    writeFileSync(logs, readFileSync(path, "utf8").replace("\treverse_proxy", "\tlog\n\treverse_proxy"));
    const servers = Object.values<Record<string, unknown>>((await adapt(logs)).apps.http.servers);
    assert(servers.some((server) => server.logs !== undefined));
  });
});
