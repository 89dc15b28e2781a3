import { z } from "zod";
import { FILES_PROBLEMS } from "../../certificates/state.ts";
import { systemClock } from "../../lib/clock.ts";
import { logFor, reasonOf } from "../../lib/event-log.ts";
import { installLastResort } from "../../lib/last-resort.ts";
import { becomeUser } from "../../lib/privileges.ts";
import { serverIdentity } from "../../link/identity.ts";
import { SERVICES } from "../../link/services.ts";
import type {
  ExitPublicCertificate,
  FromKeeper,
  KeeperAnswering,
  KeeperEngines,
  KeeperErrand,
  KeeperIdentity,
  KeeperStart,
  OpenvpnTested,
  WireguardOnline,
} from "../messages.ts";
import { Keeper } from "./keeper.ts";

/**
 * The keeper's process (keeper.ts). Started by the exit (root) with an IPC channel; gives root up before it reads anything.
 */

const path = z.string().min(1).max(200);
const key = z.base64().refine((text) => Buffer.from(text, "base64").length === 32);
const startSchema = z.object({
  type: z.literal("start"),
  server: z.string(),
  sitePublicKey: key,
  link: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("unix"), path }),
    z.object({
      kind: z.literal("nats"),
      servers: z.array(z.string().min(1).max(300)).min(1).max(16),
      site: z.string().regex(/^[0-9a-f]{8}$/),
      seed: z.string().min(1).max(200),
      ca: z.string().max(20_000),
    }),
  ]),
  authoriseSocket: path,
  sealedRoster: path,
  sealKey: key,
  account: z.object({ uid: z.int().min(0), gid: z.int().min(0) }),
  processes: z.object({ proxy: z.int().min(1), ssh: z.int().min(1) }),
  release: z
    .string()
    .regex(/^[0-9a-f]{12}$/)
    .exactOptional(),
  upgrade: z.literal("failed").exactOptional(),
}) satisfies z.ZodType<KeeperStart>;

const enginesSchema = z.object({
  type: z.literal("engines"),
  engines: z
    .array(
      z.object({
        id: z.string(),
        service: z.enum(SERVICES),
        healthy: z.boolean(),
        leftOut: z.literal(true).exactOptional(),
        management: path.exactOptional(),
      }),
    )
    .max(64),
}) satisfies z.ZodType<KeeperEngines>;

const identitySchema = z.object({
  type: z.literal("identity"),
  identity: serverIdentity,
}) satisfies z.ZodType<KeeperIdentity>;

const wireguardOnlineSchema = z.object({
  type: z.literal("wireguard-online"),
  keys: z.base64(),
}) satisfies z.ZodType<WireguardOnline>;

const testedSchema = z.object({
  type: z.literal("openvpn-tested"),
  id: z.int().min(0),
  passed: z.boolean(),
}) satisfies z.ZodType<OpenvpnTested>;

const errandSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("certify"), request: z.string().max(20_000) }),
  z.object({
    type: z.literal("fetch"),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    bytes: z.int().min(1).max(500_000_000),
  }),
]) satisfies z.ZodType<KeeperErrand>;

const publicCertificateSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("public-certificate"),
    standing: z
      .object({
        request: z.string().max(20_000).exactOptional(),
        until: z.int().exactOptional(),
        files: z.enum(["used", ...FILES_PROBLEMS]).exactOptional(),
      })
      .exactOptional(),
  }),
  z.object({
    type: z.literal("answering"),
    tokens: z.array(z.string()).max(4),
    portTaken: z.literal(true).exactOptional(),
  }),
]) satisfies z.ZodType<ExitPublicCertificate | KeeperAnswering>;

/** Obeys the exit over IPC, and ends with it. */
export function runKeeper(): void {
  const clock = systemClock;
  const log = logFor("keeper");
  let keeper: Keeper | undefined;

  const stop = async () => {
    await keeper?.close();
    process.exit(0);
  };
  // Ctrl-C reaches the whole process group; the supervisor ends us in its order.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", stop);
  process.on("disconnect", stop);
  installLastResort(log);
  process.on("message", async (message) => {
    const start = startSchema.safeParse(message);
    if (start.success && keeper === undefined) {
      becomeUser(start.data.account.uid, start.data.account.gid);
      const sendToExit = (message: FromKeeper) => process.send?.(message, () => {});
      keeper = new Keeper({ start: start.data, clock, log, sendToExit });
      try {
        await keeper.start();
      } catch (error) {
        log("port-taken", { reason: reasonOf(error) });
        process.exit(1);
      }
      log("started");
      return;
    }
    const tested = testedSchema.safeParse(message);
    if (tested.success) return keeper?.openvpnTested(tested.data.id, tested.data.passed);
    const errand = errandSchema.safeParse(message);
    if (errand.success) return keeper?.runErrand(errand.data);
    const news = publicCertificateSchema.safeParse(message);
    if (news.success)
      return news.data.type === "answering"
        ? keeper?.publicCertificate.answers(news.data)
        : keeper?.publicCertificate.stands(news.data.standing);
    const identity = identitySchema.safeParse(message);
    if (identity.success) return keeper?.setIdentity(identity.data.identity);
    const online = wireguardOnlineSchema.safeParse(message);
    if (online.success) return keeper?.wireguardOnline(online.data.keys);
    const engines = enginesSchema.safeParse(message);
    if (engines.success) keeper?.setEngines(engines.data.engines);
    else log("internal-error", { reason: "malformed" });
  });
}
