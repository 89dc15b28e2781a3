import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ServerSettings } from "../../link/settings.ts";
import { Sysctls } from "../sysctls.ts";
import { rangesOf, reservePorts } from "./reserved-ports.ts";

test("ports are written as ranges", () => {
  assert.equal(rangesOf([]), "");
  assert.equal(rangesOf([5, 3, 4, 9, 3]), "3-5,9");
});

test("the machine draws no port on which the exit answers or leads on; what the operator has reserved stays", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-reserved-"));
  try {
    mkdirSync(join(folder, "net/ipv4"), { recursive: true });
    const file = join(folder, "net/ipv4/ip_local_reserved_ports");
    const now = () => readFileSync(file, "utf8").trim();
    const services = { wireguard: { port: 51_820 } } as ServerSettings["services"];
    const hop = (port: number) => ({ protocol: "udp" as const, port, to: 51_820 });
    const hops = [{ addresses: ["192.0.2.9"], ports: [hop(52_001), hop(52_002)] }];
    for (const [before, and] of [
      ["8080", "8080,"],
      ["", ""],
    ] as const) {
      writeFileSync(file, `${before}\n`);
      const sysctls = new Sysctls(join(folder, "before.json"), folder);
      reservePorts(sysctls, { services });
      reservePorts(sysctls, { services, hops });
      assert.equal(now(), `${and}51820,52001-52002`);
      reservePorts(sysctls, { services: {}, portForwarding: true });
      assert.equal(now(), `${and}10000-14095,20000-24095,30000-34095`);
      reservePorts(sysctls, { services: {} });
      assert.equal(now(), before);
      sysctls.restore();
      assert.equal(now(), before);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
