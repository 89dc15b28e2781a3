import { isIP } from "node:net";
import { z } from "zod";
import { serverSettings } from "../link/settings.ts";

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

export const keeperMessage = z.object({ type: z.literal("settings"), settings: serverSettings });

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
