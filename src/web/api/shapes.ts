import { z } from "@hono/zod-openapi";
import type { AccountView } from "../../accounts/account-view.ts";
import { groupsOf } from "../../fleet/groups.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { accessUntil } from "../../policy/expiry.ts";
import { WORDING } from "../wording.ts";

/** What the JSON API takes and gives. Times are RFC 3339 in UTC. */

/** Longer than any name, password or code can be: what is longer is told so by the account's own rules. */
const text = z.string();

export const time = z.iso.datetime().openapi({ example: "2031-05-01T12:00:00.000Z" });

export const errorShape = z
  .object({
    error: z.object({
      code: z.string().openapi({ example: "voucher-unknown", description: "A word of a closed list" }),
      message: z.string().openapi({ description: "The same for people" }),
    }),
  })
  .openapi("Error");

export const signUpShape = z
  .object({
    name: text.openapi({ example: "river-otter" }),
    password: text.openapi({ format: "password" }),
    email: text
      .optional()
      .openapi({ description: "Optional; for reaching the member about the account alone" }),
    voucher: text.optional().openapi({ example: "abcde-fghij-klmno-pqrst" }),
  })
  .openapi("SignUp");

export const logInShape = z
  .object({ name: text, password: text.openapi({ format: "password" }) })
  .openapi("LogIn");

export const accountShape = z
  .object({
    name: z.string(),
    email: z.string().nullable(),
    emailVerified: z.boolean().openapi({
      description:
        "Whether the link that was sent to the address was opened; a password is reset only through such a one",
    }),
    renews: z.boolean().openapi({
      description:
        "Whether a PayPal subscription pays for it: to be cancelled at PayPal before the account is deleted",
    }),
    paidUntil: time
      .nullable()
      .openapi({ description: "End of the paid time; null where there never was any" }),
    active: z.boolean().openapi({ description: "Whether there is access now" }),
    terminated: z.boolean().openapi({ description: "Ended by the operator" }),
    deleteAfter: time.openapi({ description: "When the account is deleted by itself" }),
  })
  .openapi("Account");

export const tokenShape = z
  .object({
    token: z.string().openapi({ description: "For the header Authorization: Bearer" }),
    expiresAt: time,
    account: accountShape,
  })
  .openapi("Token");

export const credentialsShape = z
  .object({ vpnUsername: z.string(), vpnPassword: z.string() })
  .openapi("VpnCredentials");

export const passwordShape = z
  .object({
    oldPassword: text.openapi({ format: "password" }),
    newPassword: text.openapi({ format: "password" }),
    renewVpn: z
      .boolean()
      .default(false)
      .openapi({ description: "Also make new VPN credentials: every device then needs the new ones" }),
  })
  .openapi("PasswordChange");

export const emailShape = z
  .object({
    password: text.openapi({ format: "password" }),
    email: text.nullable().openapi({ description: "null deletes the address" }),
  })
  .openapi("EmailChange");

export const voucherShape = z
  .object({ voucher: text.openapi({ example: "abcde-fghij-klmno-pqrst" }) })
  .openapi("Voucher");

export const redeemedShape = z
  .object({
    paidUntil: time,
    alreadyCounted: z
      .boolean()
      .openapi({ description: "This account had redeemed this voucher minutes before" }),
  })
  .openapi("Redeemed");

export const deletionShape = z
  .object({
    password: text.openapi({ format: "password" }),
    subscriptionCancelled: z.boolean().optional().openapi({
      description: "To be true where a PayPal subscription pays for the account: you have cancelled it there",
    }),
  })
  .openapi("Deletion");

export const exportShape = z
  .looseObject({})
  .openapi("Export", { description: "Everything stored about the account" });

export const serverShape = z
  .object({
    server: z.string().openapi({ example: "london1" }),
    host: z.string(),
    city: z.string(),
    country: z.string(),
    countryCode: z.string(),
    latitude: z.number(),
    longitude: z.number(),
    addresses: z.array(z.string()),
    bandwidthMbit: z.number(),
    state: z.enum(["up", "no-news", "never"]),
    draining: z.boolean().openapi({ description: "Takes no new logins; sessions go on" }),
    noNewsSince: time.nullable().openapi({ description: "Since when the server is silent, where it is" }),
    groups: z.array(z.string()).openapi({ description: "Its city's group, and the operator's" }),
    asOf: time.nullable().openapi({ description: "End of the five minutes that the figures are of" }),
    inPercent: z.int().openapi({ description: "Of the bandwidth; 0: under 1 %" }),
    outPercent: z.int(),
    loadPercent: z.int(),
    largeDownloads: z
      .boolean()
      .openapi({ description: "Fit for large downloads and P2P (50 Mbit/s or more)" }),
    services: z.array(
      z.object({
        service: z.string(),
        healthy: z.boolean(),
        ports: z.array(z.object({ protocol: z.enum(["tcp", "udp"]), port: z.int() })),
      }),
    ),
  })
  .openapi("Server");

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();

export function accountBody(account: AccountView, nowS: number): z.infer<typeof accountShape> {
  const { name, email, emailVerified, renews, paidUntil, terminated, deleteAfter } = account;
  return {
    name,
    email: email ?? null,
    emailVerified,
    renews,
    paidUntil: paidUntil === undefined ? null : iso(paidUntil),
    active: !terminated && paidUntil !== undefined && accessUntil(paidUntil, renews) > nowS,
    terminated,
    deleteAfter: iso(deleteAfter),
  };
}

export function serverBody({
  slotEndsAt,
  noNewsSince,
  ...server
}: ServerStatus): z.infer<typeof serverShape> {
  return {
    ...server,
    groups: groupsOf({ name: server.server, groups: server.groups }),
    asOf: slotEndsAt === 0 ? null : iso(slotEndsAt),
    noNewsSince: noNewsSince === 0 ? null : iso(noNewsSince),
  };
}

export const isoTime = iso;

export const refused = (code: keyof typeof WORDING): z.infer<typeof errorShape> => ({
  error: { code, message: WORDING[code] },
});
