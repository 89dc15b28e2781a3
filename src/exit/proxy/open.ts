import type { Socket } from "node:net";
import { formatIp, type Ip, unmap } from "../../lib/ip.ts";
import { type EgressPolicy, parseHost } from "../egress.ts";
import { SELF_TEST_NAME, SELF_TEST_PORT } from "../self-test/target.ts";
import { connectUpstreamFile } from "./relay.ts";
import type { Resolve } from "./resolve.ts";
import type { Expiring, Sweeper } from "./sweeper.ts";

/** Why a destination was not reached. `closed`: the policy forbids it. `aborted`: the caller gave up. */
export type OpenFailure =
  | "closed"
  | "no-such-name"
  | "name-unavailable"
  | "timed-out"
  | "refused"
  | "network-unreachable"
  | "host-unreachable"
  | "failed"
  | "aborted";

export type Opened = { ok: true; socket: Socket } | { ok: false; reason: OpenFailure };

/** Starts a connection to an address. The socket carries no listener yet. */
export type Connect = (host: string, port: number) => Socket;

/** A destination on its way. `abort` makes `opened` resolve with `aborted`; it does nothing once that has resolved. */
export interface Opening {
  opened: Promise<Opened>;
  abort(): void;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** RFC 8305 section 5, Connection Attempt Delay. */
const ATTEMPT_DELAY_MS = 250;
const ATTEMPTS = 4;

function failureOf(error: NodeJS.ErrnoException): OpenFailure {
  switch (error.code) {
    case "ECONNREFUSED":
      return "refused";
    case "ENETUNREACH":
    case "ENETDOWN":
    case "EAFNOSUPPORT":
      return "network-unreachable";
    case "EHOSTUNREACH":
    case "EHOSTDOWN":
      return "host-unreachable";
    case "ETIMEDOUT":
      return "timed-out";
    default:
      return "failed";
  }
}

/**
 * Connects to the first of at most four addresses that answers: one after the other, the next one as soon as the one before
 * failed or took 250 ms; 10 s for all together. Tells the first failure where none answered.
 */
export function dial(addresses: readonly Ip[], port: number, connect: Connect, sweeper: Sweeper): Opening {
  const left = addresses.slice(0, ATTEMPTS);
  const trying = new Set<Socket>();
  let failure: OpenFailure | undefined;
  let delay: NodeJS.Timeout | undefined;
  let resolve: (opened: Opened) => void;
  const opened = new Promise<Opened>((settle) => {
    resolve = settle;
  });
  let over = false;

  const finish = (result: Opened): void => {
    if (over) return;
    over = true;
    clearTimeout(delay);
    sweeper.delete(deadline);
    for (const socket of trying) if (!result.ok || socket !== result.socket) socket.destroy();
    resolve(result);
  };
  const attempt = (): void => {
    clearTimeout(delay);
    const ip = left.shift();
    if (!ip) {
      if (trying.size === 0) finish({ ok: false, reason: failure ?? "failed" });
      return;
    }
    const socket = connect(formatIp(unmap(ip)), port);
    trying.add(socket);
    const failed = (error: NodeJS.ErrnoException): void => {
      trying.delete(socket);
      failure ??= failureOf(error);
      if (!over) attempt();
    };
    socket.on("error", failed);
    socket.once("connect", () => {
      // The listener for errors stays until the next owner has its own: an error in between is not uncaught.
      finish({ ok: true, socket });
    });
    if (left.length > 0) delay = setTimeout(attempt, ATTEMPT_DELAY_MS);
  };
  const deadline: Expiring = {
    deadlineMs: performance.now() + CONNECT_TIMEOUT_MS,
    expire: () => finish({ ok: false, reason: "timed-out" }),
  };
  sweeper.add(deadline);
  attempt();
  return { opened, abort: () => finish({ ok: false, reason: "aborted" }) };
}

/**
 * The way from a destination as the client wrote it to a connection that the policy allows: names are resolved once, every
 * address is checked, and the checked address itself is dialled.
 */
export function createOpener(options: { policy: EgressPolicy; resolve: Resolve; sweeper: Sweeper }) {
  const { policy, resolve, sweeper } = options;
  const failed = (reason: OpenFailure): Opening => ({
    opened: Promise.resolve({ ok: false, reason }),
    abort: () => {},
  });

  return (hostText: string, port: number, connect: Connect): Opening => {
    const host = parseHost(hostText);
    if (!host || !policy.opensPort(port)) return failed("closed");
    if ("ip" in host) {
      return policy.opens(host.ip, port) ? dial([host.ip], port, connect, sweeper) : failed("closed");
    }

    let aborted = false;
    let dialling: Opening | undefined;
    const byName = async (name: string): Promise<Opened> => {
      const resolution = await resolve(name);
      if (aborted) return { ok: false, reason: "aborted" };
      if (!resolution.ok) {
        return {
          ok: false,
          reason: resolution.reason === "unavailable" ? "name-unavailable" : resolution.reason,
        };
      }
      const open = resolution.addresses.filter((ip) => policy.opens(ip, port));
      if (open.length === 0) return { ok: false, reason: "closed" };
      dialling = dial(open, port, connect, sweeper);
      return dialling.opened;
    };
    return {
      opened: byName(host.name),
      abort: () => {
        aborted = true;
        dialling?.abort();
      },
    };
  };
}

export type Open = ReturnType<typeof createOpener>;

/**
 * What the exit's own test may open: the one name that is its target, which leads to a socket file of the keeper's. For
 * everybody else that name is closed like all of `.internal`, so no address and no port had to be opened for it.
 */
export function createSelfTestOpener(
  path: string | undefined,
  sweeper: Sweeper,
  connectFile: (path: string) => Socket = connectUpstreamFile,
): Open {
  // The address is never dialled: `dial` brings the time limit and the way to give up.
  const nowhere = Uint8Array.of(0, 0, 0, 0);
  return (hostText, port) =>
    path !== undefined && hostText === SELF_TEST_NAME && port === SELF_TEST_PORT
      ? dial([nowhere], port, () => connectFile(path), sweeper)
      : { opened: Promise.resolve({ ok: false, reason: "closed" }), abort: () => {} };
}
