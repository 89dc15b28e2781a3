import { createHash } from "node:crypto";
import type { ServerStatus } from "../fleet/server-status.ts";

/**
 * The fingerprint of a host key as ssh(1) and ssh-keygen(1) show it (RFC 4648 base64 of SHA-256, without padding). `line`: the
 * public key as OpenSSH writes it, `ssh-ed25519 AAAA…`.
 */
export const sshFingerprint = (line: string): string => {
  const key = Buffer.from(line.split(" ")[1] ?? "", "base64");
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
};

/** A server's host keys where it offers SSH and has told them: `ED25519` and `RSA`, as ssh names them. */
export function sshFingerprints(server: ServerStatus): { type: string; fingerprint: string }[] {
  if (!server.services.some(({ service }) => service === "ssh")) return [];
  return (server.identity?.ssh ?? []).map((line) => ({
    type: (line.split(" ")[0] ?? "").replace("ssh-", "").toUpperCase(),
    fingerprint: sshFingerprint(line),
  }));
}
