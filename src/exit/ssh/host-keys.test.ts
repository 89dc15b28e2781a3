import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { skipFor } from "../../lib/testing.ts";
import { hostKeys } from "./host-keys.ts";

const inFolder = (use: (folder: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-host-keys-"));
  try {
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

test("host keys are made once, for their owner alone, and stay", () => {
  inFolder((folder) => {
    const keys = hostKeys(folder);
    assert.match(keys.public[0]!, /^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}$/);
    assert.match(keys.public[1]!, /^ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ[A-Za-z0-9+/=]+$/);
    for (const file of ["ssh_ed25519.key", "ssh_rsa.key"])
      assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600);
    assert.deepEqual(hostKeys(folder).public, keys.public);
  });
});

test("a file that is no key is refused, not replaced: clients know the key that was there", () => {
  inFolder((folder) => {
    writeFileSync(join(folder, "ssh_ed25519.key"), "garbage");
    assert.throws(() => hostKeys(folder));
    assert.equal(readFileSync(join(folder, "ssh_ed25519.key"), "utf8"), "garbage");
  });
});

test("ssh-keygen reads the keys, and finds the same public ones", (t) => {
  if (spawnSync("ssh-keygen", ["-?"]).error) return t.skip(skipFor("ssh-keygen is not installed"));
  inFolder((folder) => {
    // Ed25519 keys differ in their leading bytes, RSA keys in their sign bits: several of each.
    for (let round = 0; round < 3; round += 1) {
      const keys = hostKeys(mkdtempSync(join(folder, "round-")));
      for (const [at, key] of keys.private.entries()) {
        const file = join(folder, `key-${round}-${at}`);
        writeFileSync(file, key, { mode: 0o600 });
        const { status, stdout } = spawnSync("ssh-keygen", ["-y", "-f", file], { encoding: "utf8" });
        assert.equal(status, 0);
        assert.equal(stdout.trim(), keys.public[at]);
      }
    }
  });
});
