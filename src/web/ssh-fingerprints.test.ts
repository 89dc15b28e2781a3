import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerStatus } from "../fleet/server-status.ts";
import { sshFingerprint, sshFingerprints } from "./ssh-fingerprints.ts";

// As `ssh -v` showed it when it met this key.
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEGKOiiqtpBt/KrzF9Z+HXOpkuxXAF2IcwRNMtY4LemR";
const FINGERPRINT = "SHA256:SvQMJ4migqjwL+Vs8BCBwWHgq68cL1uB2nRoSWLEE2U";

test("a host key's fingerprint is what ssh shows", () => {
  assert.equal(sshFingerprint(KEY), FINGERPRINT);
});

test("a server shows them where it offers SSH and has told its keys", () => {
  const server = (service: string, keys?: string[]) =>
    ({ services: [{ service }], ...(keys && { identity: { ssh: keys } }) }) as unknown as ServerStatus;
  assert.deepEqual(sshFingerprints(server("ssh", [KEY])), [{ type: "ED25519", fingerprint: FINGERPRINT }]);
  assert.deepEqual(sshFingerprints(server("ssh")), []);
  assert.deepEqual(sshFingerprints(server("openvpn", [KEY])), []);
});
