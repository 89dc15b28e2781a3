import { SERVICES, type Service } from "../link/services.ts";
import type { LoginAttempt, Refusal } from "./authorise.ts";

/**
 * Between a proxy and the keeper, on a socket file: frames (lib/frames.ts) of JSON, each an array of messages, so that
 * what comes up in one turn of the event loop goes in one write. Ids are the proxy's own.
 *
 *   proxy → keeper   [1, id, service, username, password, address]   a login
 *                    [2, id]                                          the session is over, or the whole lease
 *                    [3, id, slots]                                   so many of the lease's slots are given back, not all
 *   keeper → proxy   [1, id]                                          admitted
 *                    [1, id, slots]                                   admitted, with a lease: its own slot and more
 *                    [2, id, reason]                                  refused
 *                    [3, id]                                          end the session now, or the lease with its sessions
 *                    [4, id]                                          admit nobody more by the lease; its sessions stay
 *                    [5, id]                                          admitted, as the exit's own test: to its target alone
 */
export const TO_KEEPER = { login: 1, close: 2, giveBack: 3 } as const;
export const TO_PROXY = { admitted: 1, refused: 2, cut: 3, recall: 4, selfTest: 5 } as const;
export const MAX_FRAME_BYTES = 4_000_000;
/** Of names, passwords and addresses that make the trip: so that a frame of MAX_MESSAGES stays below the cap, escapes and all. */
export const MAX_CHARACTERS = { username: 128, password: 1024, address: 64 };
export const MAX_MESSAGES = 256;
/** Of one lease. */
const MAX_SLOTS = 1024;

export type ToKeeper =
  | { kind: "login"; id: number; attempt: LoginAttempt }
  | { kind: "close"; id: number }
  | { kind: "giveBack"; id: number; slots: number };
export type ToProxy =
  /** `slots` is 1 where there is no lease. */
  | { kind: "admitted"; id: number; slots: number }
  | { kind: "selfTest"; id: number }
  | { kind: "refused"; id: number; reason: Refusal }
  | { kind: "cut"; id: number }
  | { kind: "recall"; id: number };

const REFUSALS: readonly unknown[] = [
  "unknown",
  "expired",
  "slow-down",
  "too-many",
  "draining",
  "unavailable",
] satisfies Refusal[];

/** Nothing where the frame is none of ours, in any part. */
export const readToKeeper = (payload: Buffer): ToKeeper[] | undefined => readAll(payload, toKeeper);
export const readToProxy = (payload: Buffer): ToProxy[] | undefined => readAll(payload, toProxy);

function readAll<T>(
  payload: Buffer,
  read: (fields: unknown[], id: number) => T | undefined,
): T[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(payload.toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(json)) return undefined;
  const out: T[] = [];
  for (const fields of json) {
    if (!Array.isArray(fields) || !Number.isSafeInteger(fields[1])) return undefined;
    const message = read(fields, fields[1]);
    if (message === undefined) return undefined;
    out.push(message);
  }
  return out;
}

function toKeeper(fields: unknown[], id: number): ToKeeper | undefined {
  const [kind, , service, username, password, address] = fields;
  if (kind === TO_KEEPER.close) return { kind: "close", id };
  if (kind === TO_KEEPER.giveBack) {
    return isSlots(fields[2]) ? { kind: "giveBack", id, slots: fields[2] } : undefined;
  }
  if (kind !== TO_KEEPER.login || !(SERVICES as readonly unknown[]).includes(service)) return undefined;
  if (typeof username !== "string" || typeof password !== "string" || typeof address !== "string")
    return undefined;
  return { kind: "login", id, attempt: { service: service as Service, username, password, address } };
}

function toProxy(fields: unknown[], id: number): ToProxy | undefined {
  const [kind, , reason] = fields;
  if (kind === TO_PROXY.admitted) {
    const slots = fields[2] ?? 1;
    return isSlots(slots) ? { kind: "admitted", id, slots } : undefined;
  }
  if (kind === TO_PROXY.cut) return { kind: "cut", id };
  if (kind === TO_PROXY.recall) return { kind: "recall", id };
  if (kind === TO_PROXY.selfTest) return { kind: "selfTest", id };
  if (kind !== TO_PROXY.refused || !REFUSALS.includes(reason)) return undefined;
  return { kind: "refused", id, reason: reason as Refusal };
}

const isSlots = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MAX_SLOTS;
