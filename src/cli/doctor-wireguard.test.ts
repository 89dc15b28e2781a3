import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkWireguard, kernelHasWireguard } from "./doctor-wireguard.ts";

test("a kernel has WireGuard where it is loaded, built in, or a module that can be loaded", () => {
  const root = mkdtempSync(join(tmpdir(), "lethe-kernel-"));
  try {
    const modules = join(root, "lib/modules", release());
    mkdirSync(modules, { recursive: true });
    assert.equal(kernelHasWireguard(root), false);
    const line = "kernel/drivers/net/wireguard/wireguard.ko.xz: kernel/net/ipv4/udp_tunnel.ko.xz\n";
    writeFileSync(join(modules, "modules.dep"), line);
    assert.equal(kernelHasWireguard(root), true);
    assert.match(checkWireguard(51_820, root).found, /the kernel has it/);
    assert.match(checkWireguard(0, root).found, /not offered/);
    rmSync(join(modules, "modules.dep"));
    mkdirSync(join(root, "sys/module/wireguard"), { recursive: true });
    assert.equal(kernelHasWireguard(root), true);
  } finally {
    rmSync(root, { recursive: true });
  }
});
