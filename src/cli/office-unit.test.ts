import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { findProgram, runCommand } from "../lib/run-command.ts";
import { skipFor } from "../lib/testing.ts";
import { officeUnit } from "./office-unit.ts";

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const analyze = findProgram("systemd-analyze");

const skip = skipFor(analyze === undefined && "systemd is not installed");

describe("the systemd unit of a machine with an office", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-unit-"));
  const path = join(folder, "lethe.service");
  after(() => rmSync(folder, { recursive: true }));
  const verify = async (text: string) => {
    writeFileSync(path, text);
    return runCommand([analyze!, "verify", "--man=no", path], { timeoutMs: 60_000 });
  };
  /** What concerns our unit alone: the machine's own have faults of theirs. */
  const faults = ({ stdout, stderr }: { stdout: string; stderr: string }) =>
    `${stdout}${stderr}`.split("\n").filter((line) => line.includes("lethe.service"));

  it("is one that systemd takes", { skip }, async () => {
    assert.deepEqual(faults(await verify(officeUnit({ checkout, data: "/var/lib/lethe" }))), []);
    const odd = await verify(officeUnit({ checkout, data: '/srv/a "folder" of 100 % $HOME' }));
    assert.deepEqual(faults(odd), []);
    // The control: systemd-analyze does see a wrong word.
    const wrong = officeUnit({ checkout, data: "/var/lib/lethe" }).replace("Type=exec", "Type=exce");
    assert.notDeepEqual(faults(await verify(wrong)), []);
  });

  it("is closed as far as the exit in it allows", { skip }, async () => {
    writeFileSync(path, officeUnit({ checkout: "/opt/lethe", data: "/var/lib/lethe" }));
    const { stdout } = await runCommand([analyze!, "security", "--offline=true", "--no-pager", path], {
      timeoutMs: 60_000,
    });
    const level = Number(/exposure level for lethe.service: (\d+\.\d)/.exec(stdout)?.[1]);
    assert(level <= 3.6, `${level}\n${stdout}`);
  });

  it("sees a home folder only where the checkout or the data lies in one", () => {
    assert.match(officeUnit({ checkout: "/opt/lethe", data: "/var/lib/lethe" }), /^ProtectHome=yes$/m);
    assert.match(officeUnit({ checkout: "/root/lethe", data: "/var/lib/lethe" }), /^ProtectHome=read-only$/m);
    assert.match(officeUnit({ checkout: "/opt/lethe", data: "/home/a/data" }), /^ProtectHome=read-only$/m);
  });

  it("has a /tmp of its own unless the checkout lies in there", () => {
    assert.match(officeUnit({ checkout: "/opt/lethe", data: "/var/lib/lethe" }), /^PrivateTmp=yes$/m);
    const tried = officeUnit({ checkout: "/tmp/lethe", data: "/var/lib/lethe" });
    assert.match(tried, /^PrivateTmp=no$/m);
    assert.match(tried, /^ReadWritePaths=.* \/tmp$/m);
  });

  it("lets no core file and no swap have what is in memory", () => {
    const text = officeUnit({ checkout, data: "/var/lib/lethe" });
    for (const line of ["LimitCORE=0", "MemorySwapMax=0"]) assert(text.includes(`\n${line}\n`));
  });
});
