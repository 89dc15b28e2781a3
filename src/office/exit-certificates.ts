import { X509Certificate } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ChallengeAnswers } from "../certificates/order.ts";
import { readCertificateRequest } from "../certificates/request.ts";
import { backOffMs, type Chance } from "../certificates/schedule.ts";
import {
  EXIT_CERTIFICATE_PROBLEMS,
  type ExitCertificateProblem,
  FILES_PROBLEMS,
  type OrderProblem,
} from "../certificates/state.ts";
import { writeFileAtomic } from "../lib/atomic-file.ts";
import type { Clock } from "../lib/clock.ts";
import { type Log, reasonOf } from "../lib/event-log.ts";
import type { Result } from "../lib/result.ts";
import type { CertificateAnswer, CertificateQuestion } from "../link/public-certificate.ts";
import { ExitChallenges } from "./exit-challenges.ts";

/** Public authorities allow some three hundred orders in three hours. */
const ORDER_EVERY_MS = 40_000;
/** After a certificate no other one for so long: five of the same name in a week is what public authorities allow. */
const SETTLED_MS = 36 * 3_600_000;
/** "Too many orders" is said of the account, or of a domain, and so concerns all. */
const RATE_LIMITED_MS = 3_600_000;
/** No wait is longer; one that stands in a file is of a clock that was ahead. */
const LONGEST_MS = 48 * 3_600_000;
/** An exit that has not asked for so long waits for nothing any more. */
const PATIENCE_MS = 120_000;
const ANSWER_AGAIN_S = { idle: 3600, queued: 15, soon: 1 };

const standing = z.object({
  name: z.string(),
  /** Of the server's key: with another, what is said here is of an earlier life's. */
  generation: z.int().exactOptional(),
  /** UTC seconds: until when the exit says that its certificate is good. */
  until: z.int().exactOptional(),
  failures: z.int(),
  /** UTC: no order before. Written before an order begins, so that an office that crashes in it does not order anew at once. */
  quietUntilMs: z.number(),
  problem: z.enum(EXIT_CERTIFICATE_PROBLEMS).exactOptional(),
  /** What the exit says of the operator's files on it. */
  files: z.enum(["used", ...FILES_PROBLEMS]).exactOptional(),
  /** What was made last and not yet said to be in place: for this public key (SPKI, base64). */
  made: z.object({ key: z.string(), certificate: z.string() }).exactOptional(),
});
type Standing = z.infer<typeof standing>;

export interface ExitCertificatesOptions {
  /** Where each server's standing is kept, over restarts. */
  folder: string;
  /** The public name of the server with this link name; undefined where it is to have no certificate. */
  nameOf(server: string): string | undefined;
  /** How often that server has been given another key (`lethe server rotate`). */
  generationOf(server: string): number | undefined;
  /** What answers on port 80 for a server that cannot itself, since that port is the site's; undefined for the others. */
  answersHere(server: string): ChallengeAnswers | undefined;
  /** Undefined where nothing is ordered: exits have files, or nothing. */
  order:
    | ((
        request: string,
        accountKey: string,
        challenges: ChallengeAnswers,
      ) => Promise<Result<string, OrderProblem>>)
    | undefined;
  /** Throws where it cannot be kept. */
  accountKey(): string;
  clock: Clock;
  log: Log;
  orderEveryMs?: number;
  chance?: Chance;
}

/**
 * Public certificates for the exits' names: each exit asks (link/public-certificate.ts), the office orders, one after the other. It
 * orders nothing but what `nameOf` says is that server's own. An order that fails takes nothing away: what the exit has stays there.
 */
export class ExitCertificates {
  readonly #options: ExitCertificatesOptions;
  readonly #standings = new Map<string, Standing>();
  /** Who waits for an order, in turn. */
  readonly #queue = new Map<string, { request: string; key: string; heardMs: number }>();
  #running: { server: string; challenges: ExitChallenges } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ExitCertificatesOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(options.folder)) this.#load(file);
  }

  /** Undefined where the server is to have none, or asks for another name than its own. */
  answer(server: string, question: CertificateQuestion): CertificateAnswer | undefined {
    const name = this.#options.nameOf(server);
    if (name === undefined) return undefined;
    const known = this.#standing(server, name);
    if (question.until !== known.until || question.files !== known.files) {
      delete known.until;
      delete known.files;
      if (question.until !== undefined) known.until = question.until;
      if (question.files !== undefined) known.files = question.files;
      this.#save(server, known);
    }
    const later = (seconds: number) => ({ againS: seconds, challenges: [] });
    if (question.request === undefined || this.#options.order === undefined)
      return later(ANSWER_AGAIN_S.idle);
    const key = readCertificateRequest(question.request, name)?.toString("base64");
    if (key === undefined) {
      this.#options.log("certificate-refused", { part: "certificates", reason: "names" });
      return undefined;
    }
    if (this.#running?.server === server) {
      this.#running.challenges.heard(question);
      return { againS: ANSWER_AGAIN_S.soon, challenges: this.#running.challenges.open };
    }
    const now = this.#options.clock.now();
    // It is given until the exit says that it has it.
    if (known.made?.key === key && endOf(known.made.certificate) > (question.until ?? now / 1000))
      return { ...later(ANSWER_AGAIN_S.idle), certificate: known.made.certificate };
    const waitMs = Math.max(known.quietUntilMs, this.#pausedUntilMs(now)) - now;
    if (waitMs > 0) return later(Math.min(Math.ceil(waitMs / 1000), ANSWER_AGAIN_S.idle));
    const first = this.#queue.size === 0 && this.#running === undefined && this.#timer === undefined;
    this.#queue.set(server, { request: question.request, key, heardMs: this.#options.clock.monotonic() });
    if (first) void this.#work();
    return later(first ? ANSWER_AGAIN_S.soon : ANSWER_AGAIN_S.queued);
  }

  /** How it stands, for `lethe server list`. */
  view(server: string): { until?: number; files?: true; problem?: ExitCertificateProblem } {
    const known = this.#standings.get(server);
    if (known === undefined) return {};
    const problem = this.#problemOf(known);
    return {
      ...(known.until !== undefined && { until: known.until }),
      ...(known.files === "used" && { files: true as const }),
      ...(problem !== undefined && { problem }),
    };
  }

  /** With files that are good it does not matter how the last order went. */
  #problemOf({ files, problem, until }: Standing): ExitCertificateProblem | undefined {
    if (files === "used") return undefined;
    if (files !== undefined) return `files-${files}`;
    if (this.#options.order !== undefined) return problem;
    return until === undefined ? "no-files" : undefined;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#queue.clear();
    this.#running?.challenges.give("challenge");
  }

  async #work(): Promise<void> {
    const { clock, orderEveryMs = ORDER_EVERY_MS } = this.#options;
    this.#timer = undefined;
    for (const [server, { request, key, heardMs }] of this.#queue) {
      this.#queue.delete(server);
      if (clock.monotonic() - heardMs > PATIENCE_MS) continue;
      await this.#order(server, request, key);
      if (!this.#closed) this.#timer = setTimeout(() => void this.#work(), orderEveryMs).unref();
      return;
    }
  }

  async #order(server: string, request: string, key: string): Promise<void> {
    const { nameOf, answersHere, order, accountKey, clock, log, chance } = this.#options;
    const name = nameOf(server);
    if (name === undefined || order === undefined) return;
    const known = this.#standing(server, name);
    const failures = known.failures + 1;
    const waitMs = backOffMs(failures, chance);
    Object.assign(known, { failures, quietUntilMs: clock.now() + waitMs });
    // One that could not be counted is not begun.
    if (!this.#save(server, known)) {
      known.problem = "unwritable";
      return;
    }
    const challenges = new ExitChallenges(answersHere(server));
    this.#running = { server, challenges };
    let ordered: Result<string, OrderProblem>;
    try {
      ordered = await order(request, accountKey(), challenges);
    } catch {
      ordered = { ok: false, error: "unwritable" };
    }
    this.#running = undefined;
    if (this.#closed) return;
    // Its name may be another by now.
    const now = this.#standing(server, nameOf(server) ?? name);
    if (ordered.ok && isFor(ordered.value, key, name)) {
      delete now.problem;
      const made = { key, certificate: ordered.value };
      Object.assign(now, { failures: 0, quietUntilMs: clock.now() + SETTLED_MS, made });
      log("certificate-renewed", { part: "certificates" });
    } else {
      now.problem = ordered.ok ? "malformed" : (challenges.problem ?? ordered.error);
      if (now.problem === "rate-limited") now.quietUntilMs = clock.now() + Math.max(waitMs, RATE_LIMITED_MS);
      log("certificate-failed", { part: "certificates", reason: now.problem, ms: Math.round(waitMs) });
    }
    this.#save(server, now);
  }

  #standing(server: string, name: string): Standing {
    const generation = this.#options.generationOf(server);
    let known = this.#standings.get(server);
    if (known?.name !== name || (known.generation ?? generation) !== generation)
      known = { name, failures: 0, quietUntilMs: 0 };
    if (generation !== undefined) known.generation = generation;
    this.#standings.set(server, known);
    return known;
  }

  #pausedUntilMs(nowMs: number): number {
    const limited = [...this.#standings.values()].filter(({ problem }) => problem === "rate-limited");
    return Math.max(nowMs, ...limited.map(({ quietUntilMs }) => Math.min(quietUntilMs, nowMs + LONGEST_MS)));
  }

  /** False where it cannot be written. */
  #save(server: string, known: Standing): boolean {
    try {
      writeFileAtomic(join(this.#options.folder, `${server}.json`), JSON.stringify(known));
      return true;
    } catch (error) {
      this.#options.log("certificate-unwritable", { part: "certificates", reason: reasonOf(error) });
      return false;
    }
  }

  /** Of servers that are no more, or are to have none, nothing is kept. */
  #load(file: string): void {
    const path = join(this.#options.folder, file);
    const server = file.replace(/\.json$/, "");
    try {
      const known = standing.parse(JSON.parse(readFileSync(path, "utf8")));
      if (known.name !== this.#options.nameOf(server)) throw new Error("another name");
      const latest = this.#options.clock.now() + LONGEST_MS;
      this.#standings.set(server, { ...known, quietUntilMs: Math.min(known.quietUntilMs, latest) });
    } catch {
      rmSync(path, { force: true });
    }
  }
}

/** UTC seconds. */
const endOf = (certificate: string): number => Date.parse(new X509Certificate(certificate).validTo) / 1000;

function isFor(certificate: string, key: string, name: string): boolean {
  try {
    const leaf = new X509Certificate(certificate);
    const leafKey = leaf.publicKey.export({ type: "spki", format: "der" }).toString("base64");
    return leafKey === key && leaf.checkHost(name, { subject: "never" }) !== undefined;
  } catch {
    return false;
  }
}
