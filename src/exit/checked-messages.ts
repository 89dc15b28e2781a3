import { isIP } from "node:net";
import { z } from "zod";

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
export const keeperMessage = z.object({ type: z.literal("settings"), signed: z.base64().max(8_000_000) });

export const proxyMessage = z.object({
  type: z.literal("listening"),
  services: z
    .array(
      z.object({
        service: z.enum(["socks5", "http", "openvpn"]),
        protocol: z.enum(["tcp", "udp"]),
        address: z.string().refine((text) => isIP(text) !== 0),
        port: z.int().min(0).max(65_535),
        failed: reason.optional(),
      }),
    )
    .max(64),
});
