import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { CAPABILITIES } from "../../src/exit/remote/unit.ts";
import { lethe } from "./host-provider.ts";
import { endProgram, Namespace, PATIENCE_MS, run, runFolderOf, until } from "./namespace.ts";
import { skipOrFail } from "./requirements.ts";

/** The office as a service, on a machine whose systemd is not there: in mount namespaces of the test's own. */
describe("lethe as a service", { skip: skipOrFail() }, () => {
  // Not in /tmp: the service has one of its own.
  const folder = mkdtempSync(`/var/tmp/lethe-${process.pid}-2-`);
  const data = join(folder, "data");
  chmodSync(folder, 0o711);
  after(() => {
    rmSync(runFolderOf(data), { recursive: true, force: true });
    rmSync(folder, { recursive: true });
  });

  test("is a unit file and says that nothing starts it where systemd does not run; uninstall takes it away", async () => {
    const unit = "/etc/systemd/system/lethe.service";
    const script = [
      "set -e",
      "mkdir -p /etc/systemd/system /run/systemd",
      "mount -t tmpfs tmpfs /etc/systemd/system",
      "mount -t tmpfs tmpfs /run/systemd",
      `"$0" install --data "$1"`,
      `"$0" install --data "$1"`,
      `stat -c '%a %U' ${unit}; grep ExecStart= ${unit}`,
      `"$0" uninstall --data "$1"`,
      `test ! -e ${unit}`,
      `"$0" uninstall --data "$1" || echo "code $?"`,
    ].join("\n");
    const { code, stdout, stderr } = await run(["unshare", "-m", "sh", "-c", script, lethe, data]);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stdout.match(/is written\. It could not be started: systemd does not run here/g)?.length, 2);
    assert.match(stdout, /^644 root\nExecStart=\/.*\/lethe up --data \/.*\/data$/m);
    assert.match(stdout, /The service is gone. What it has stored is still in .*\/data/);
    assert.match(stdout, /code 1/);
    assert.match(stderr, /not installed as a service/);
  });

  test("is not installed by somebody who is not root", async () => {
    const { code, stderr } = await run(["setpriv", "--reuid=65534", "--clear-groups", lethe, "install"]);
    // Where the checkout is root's alone, its own words cannot even be read.
    assert.notEqual(code, 0);
    if (code === 1) assert.match(stderr, /root's to install/);
  });

  test("has every service with the unit's capabilities alone and nothing to write but its folders", async () => {
    const space = new Namespace(`lethe-${process.pid}-2-service`);
    await space.create("127.0.0.1");
    try {
      mkdirSync(data, { recursive: true });
      writeFileSync(
        join(data, "lethe.toml"),
        `[site]\nlisten = "0.0.0.0:80"\n[dns]\nforward = ["127.0.0.1"]\nvalidate = false\n[server]\nhost = "127.0.0.1"\n`,
      );
      const bounds = CAPABILITIES.map((name) => `+${name.slice("CAP_".length).toLowerCase()}`).join(",");
      const script = [
        "set -e",
        "mkdir -p /run/lethe",
        // Of its own: where wireguard-go has its sockets is shared with every exit on this machine.
        'mkdir -p -m 0711 /run/wireguard "$1-wireguard"',
        'mount --bind "$1-wireguard" /run/wireguard',
        `for folder in "$1" /run/lethe /run/wireguard /etc/unbound; do test ! -e $folder || mount --bind $folder $folder; done`,
        `test "$(stat -fc %T /run)" = tmpfs && mount -o remount,bind,ro /run || true`,
        // The unit does the same where this checkout lies in there.
        lethe.startsWith("/tmp/") ? "mount --bind /tmp /tmp" : "mount -t tmpfs tmpfs /tmp",
        "mount -o remount,bind,ro /",
        "! touch /etc/not-to-be-written 2>/dev/null",
        `exec setpriv --bounding-set=-all,${bounds} --inh-caps=-all --no-new-privs "$0" up --data "$1"`,
      ].join("\n");
      const child = space.start(["unshare", "-m", "sh", "-c", script, lethe, data]);
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding("utf8").on("data", (part: string) => {
          said += part;
        });
      await until("the services", PATIENCE_MS, () => /SOCKS5/.test(said) || child.exitCode !== null);
      const status = await until("all of them", PATIENCE_MS, async () => {
        const { code, stdout } = await space.run([lethe, "status", "--data", data]);
        const lines = stdout.match(/^.* (?:UDP|TCP) .*$/gm) ?? [];
        return code === 0 && lines.length > 10 && lines.every((line) => / ready(?:,|$)/.test(line)) && stdout;
      }).catch((error: Error) => assert.fail(`${error.message}\n${said}`));
      for (const service of ["OpenVPN", "WireGuard", "IKEv2", "SSH", "SOCKS5", "OpenVPN in obfs4"])
        assert.match(status, new RegExp(`${service} +(?:UDP|TCP) `));
      const page = await space.run(["curl", "-si", "http://127.0.0.1/"]);
      assert.match(page.stdout, /^HTTP\/1.1 200/);
      await endProgram(child);
      assert.equal(child.exitCode, 0, said);
    } finally {
      await space.remove();
    }
  });
});
