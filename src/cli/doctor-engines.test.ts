import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { checkEsp, checkWireguard } from "./doctor-engines.ts";

function rootOf(t: TestContext): { root: string; modules: string } {
  const root = mkdtempSync(join(tmpdir(), "lethe-kernel-"));
  t.after(() => rmSync(root, { recursive: true }));
  const modules = join(root, "lib/modules", release());
  mkdirSync(modules, { recursive: true });
  return { root, modules };
}

test("a kernel has WireGuard where it is loaded, built in, or a module that can be loaded", (t) => {
  const { root, modules } = rootOf(t);
  assert.match(checkWireguard(51_820, root).found, /the kernel has none/);
  const line = "kernel/drivers/net/wireguard/wireguard.ko.xz: kernel/net/ipv4/udp_tunnel.ko.xz\n";
  writeFileSync(join(modules, "modules.dep"), line);
  assert.equal(checkWireguard(51_820, root).found, "the kernel has it");
  assert.match(checkWireguard(0, root).found, /not offered/);
  rmSync(join(modules, "modules.dep"));
  mkdirSync(join(root, "sys/module/wireguard"), { recursive: true });
  assert.equal(checkWireguard(51_820, root).found, "the kernel has it");
});

test("ESP needs two things of a kernel", (t) => {
  const { root, modules } = rootOf(t);
  writeFileSync(join(modules, "modules.builtin"), "kernel/net/ipv4/esp4.ko\n");
  assert.match(checkEsp(true, root).found, /strongSwan does it itself/);
  writeFileSync(join(modules, "modules.dep"), "kernel/net/xfrm/xfrm_interface.ko: kernel/net/ipv6/ipv6.ko\n");
  assert.match(checkEsp(true, root).found, /^the kernel has ESP/);
  assert.match(checkEsp(false, root).found, /not offered/);
});

test("what runs says itself where it runs", (t) => {
  const { root } = rootOf(t);
  for (const device of ["lethe-wg0", "lethe-x0"])
    mkdirSync(join(root, "sys/class/net", device), { recursive: true });
  assert.equal(checkWireguard(51_820, root).found, "runs in the kernel");
  assert.equal(checkEsp(true, root).found, "ESP runs in the kernel");
  for (const device of ["lethe-wg0", "lethe-x0"])
    writeFileSync(join(root, "sys/class/net", device, "tun_flags"), "0x1001\n");
  assert.equal(checkWireguard(51_820, root).found, "runs in wireguard-go");
  assert.equal(checkEsp(true, root).found, "ESP runs in strongSwan itself");
});
