import { generateKeyPairSync } from "node:crypto";
import type { ServerStatus } from "../../fleet/server-status.ts";
import type { ProfileFile } from "../../profiles/kinds.ts";
import type { profileQuery } from "../profile-files.ts";
import type { Web } from "../web.ts";

/** What a device's file may be asked for with. */
export type FileWishes = Omit<ReturnType<typeof profileQuery.parse>, "protocol">;

/** A device's file for a server; undefined where the server has no WireGuard, or does not lead on so. */
export const deviceFile = (
  web: Pick<Web, "profiles">,
  server: string,
  device: { index: number; privateKey?: string },
  { system, level, via }: FileWishes,
): ProfileFile | undefined => web.profiles("wireguard", [server], { system, level, via, device })[0];

/** Whether members can get a file for it: it has WireGuard, and has told its key. */
export const hasWireguard = (web: Pick<Web, "profiles">, { server }: Pick<ServerStatus, "server">): boolean =>
  deviceFile(web, server, { index: 1 }, {}) !== undefined;

/** A key pair as `wg genkey` and `wg pubkey` make it, for a browser that cannot. */
export function newKeyPair(): { privateKey: string; publicKey: string } {
  const pair = generateKeyPairSync("x25519");
  // The key is the end of either encoding (RFC 8410 sections 4 and 7).
  const end = (der: Buffer) => der.subarray(-32).toString("base64");
  return {
    privateKey: end(pair.privateKey.export({ format: "der", type: "pkcs8" })),
    publicKey: end(pair.publicKey.export({ format: "der", type: "spki" })),
  };
}
