import { isIP } from "node:net";
import { z } from "zod";
import { challenges } from "../link/public-certificate.ts";
import { SERVICES } from "../link/services.ts";

/** The messages that root takes from its unprivileged children: these read the Internet, and are not believed unread. */

const reason = z.enum([
  "EADDRINUSE",
  "EACCES",
  "EADDRNOTAVAIL",
  "no-root",
  "no-tun",
  "not-installed",
  "other",
]);

/** What stands in it is opened with the office's key (link/signed-settings.ts): the keeper only passes it on. */
export const keeperMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("settings"), signed: z.base64().max(8_000_000) }),
  // Name and password become lines of a file that openvpn reads: nothing else may stand in them.
  z.object({
    type: z.literal("test-openvpn"),
    id: z.int().min(0),
    engine: z.string().regex(/^(?:(?:openvpn|stealth-obfs4)-\d{1,2}|stealth-tls)$/),
    username: z.string().regex(/^self-test-[0-9a-f]{32}$/),
    password: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  }),
  // Parsed by OpenSSL, and installed only where it is for our key and of our authority (certificate.ts).
  z.object({ type: z.literal("certificate"), certificate: z.string().regex(/^[\x20-\x7e\n]{1,20000}$/) }),
  // Only says that it is there: the file is copied and hashed before a byte of it counts.
  z.object({ type: z.literal("fetched"), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.object({ type: z.literal("linked") }),
  // Public keys and indices, which wireguard/rows.ts checks; an engine is told them in hex and as addresses of the plan.
  z.object({
    type: z.literal("wireguard-peers"),
    whole: z.boolean(),
    more: z.boolean(),
    set: z.base64().max(2_000_000),
    remove: z.base64().max(2_000_000),
  }),
  // Answered to strangers on port 80, and nothing else is done with them.
  z.object({ type: z.literal("challenges"), challenges }),
  // Parsed by OpenSSL, and installed only where it is for our key and name (public-certificate/pair.ts).
  z.object({
    type: z.literal("public-certificate"),
    certificate: z.string().regex(/^[\x20-\x7e\n]{1,20000}$/),
  }),
]);

const address = z.string().refine((text) => isIP(text) !== 0);

const listening = z.object({
  type: z.literal("listening"),
  services: z
    .array(
      z.object({
        service: z.enum(SERVICES),
        protocol: z.enum(["tcp", "udp"]),
        address,
        port: z.int().min(0).max(65_535),
        failed: reason.optional(),
      }),
    )
    .max(64),
});

const open = z.object({ type: z.literal("open"), address, port: z.int().min(1).max(65_535) });

const answering = z.object({ type: z.literal("answering"), tokens: z.array(z.string().max(200)).max(4) });

export const proxyMessage = z.discriminatedUnion("type", [listening, open, answering]);
