import { deviceAddresses } from "../../lib/device-addresses.ts";
import type { Reason } from "../../lib/event-log.ts";
import { findProgram, runCommand } from "../../lib/run-command.ts";
import type { PeerReading } from "./forgetting.ts";
import type { WireguardKey } from "./own-key.ts";
import { hexOf, uapiSet } from "./uapi.ts";
import { readAllowed, readHandshakes, readHeard } from "./wg-lines.ts";

/** Public key (base64) → the device's index. */
export type PeerIndices = ReadonlyMap<string, number>;

export interface PeerChange {
  /** A key that is in both is removed first, which makes the engine forget all it knows of it. */
  remove: readonly string[];
  set: PeerIndices;
}

/** One WireGuard device under control. Nothing here throws; a word says what went wrong. */
export interface WireguardControl {
  /** Gives the device its key and port where it has others. */
  configure(): Promise<Reason | undefined>;
  /** `all`: what is to be there afterwards. Sessions of peers that are not named go on. */
  change(change: PeerChange, all: PeerIndices): Promise<Reason | undefined>;
  /** Public key → allowed addresses (see `allowedOf`) of every peer that is there. */
  peers(): Promise<Map<string, string> | undefined>;
  reading(): Promise<PeerReading | undefined>;
}

/** A peer's addresses inside the tunnel, sorted, as `peers` gives them: with any other source its packets are dropped. */
export const allowedOf = (index: number): string => addressesOf(index).sort().join(" ") || "(none)";

/** Of index 0, the self-test's peer, none. */
const addressesOf = (index: number): string[] => {
  if (index === 0) return [];
  const { v4, v6 } = deviceAddresses(index);
  return [`${v4}/32`, `${v6}/128`];
};

interface Place {
  device: string;
  port: number;
  key: WireguardKey;
}

/** Peers in one transaction: an engine that is told of 10,000 at once answers nobody meanwhile. */
const PEERS_AT_ONCE = 1000;

/** wireguard-go, told over its socket. */
export function wireguardGoControl(place: Place, socket: string): WireguardControl {
  const tell = async (steps: readonly string[][]): Promise<Reason | undefined> => {
    const reason = await uapiSet(socket, steps.flat());
    if (reason !== "wrong-configuration" || steps.length <= 1) return reason;
    // One that the engine refuses keeps the others out: halves of it, until that one is alone.
    const middle = Math.ceil(steps.length / 2);
    const first = await tell(steps.slice(0, middle));
    const second = await tell(steps.slice(middle));
    return unlessWrong(first) ?? unlessWrong(second);
  };
  return {
    ...reader(place),
    configure: async () =>
      (await isConfigured(place))
        ? undefined
        : uapiSet(socket, [
            `private_key=${Buffer.from(place.key.privateKey).toString("hex")}`,
            `listen_port=${place.port}`,
            "replace_peers=true",
          ]),
    change: async ({ remove, set }) => {
      const steps = [
        ...remove.map((key) => [`public_key=${hexOf(key)}`, "remove=true"]),
        ...[...set].map(([key, index]) => [
          `public_key=${hexOf(key)}`,
          "replace_allowed_ips=true",
          ...addressesOf(index).map((address) => `allowed_ip=${address}`),
        ]),
      ];
      for (let at = 0; at < steps.length; at += PEERS_AT_ONCE) {
        const reason = unlessWrong(await tell(steps.slice(at, at + PEERS_AT_ONCE)));
        if (reason !== undefined) return reason;
      }
      return undefined;
    },
  };
}

/** A single peer that the engine refuses is left out; it can do nothing for its owner, and nothing to others. */
const unlessWrong = (reason: Reason | undefined): Reason | undefined =>
  reason === "wrong-configuration" ? undefined : reason;

/**
 * Node's pipes are sockets, which nobody can open by the name /dev/stdin; the shell's are pipes. The script is these words and
 * no others: what is run comes as its arguments.
 */
const THROUGH_A_PIPE = ["/bin/sh", "-c", 'cat | "$@"', "sh"];

/**
 * The kernel's, told by `wg` (wg(8)) with everything on its standard input: keys stand in no argument, where every user and an
 * audit log could read them. `wg` removes a peer only as one that is missing in the whole, so that a removal is a `syncconf`.
 */
export function kernelControl(place: Place): WireguardControl {
  const wg = async (verb: "setconf" | "syncconf" | "addconf", text: string): Promise<Reason | undefined> => {
    const program = findProgram("wg");
    if (program === undefined) return "not-installed";
    const argv = [...THROUGH_A_PIPE, program, verb, place.device, "/dev/stdin"];
    const { code, stderr } = await runCommand(argv, { input: text });
    if (code === 0) return undefined;
    return /Address already in use/i.test(stderr) ? "EADDRINUSE" : "other";
  };
  const own = `[Interface]\nPrivateKey = ${Buffer.from(place.key.privateKey).toString("base64")}\nListenPort = ${place.port}\n`;
  return {
    ...reader(place),
    configure: async () => ((await isConfigured(place)) ? undefined : wg("setconf", own)),
    change: async ({ remove, set }, all) => {
      if (remove.length > 0) {
        const gone = new Set(remove);
        const staying = [...all].filter(([key]) => !gone.has(key) && !set.has(key));
        // What is to be added is not there yet, and comes below: what stays is all that this one names.
        const reason = await wg("syncconf", `${own}${staying.map(section).join("")}`);
        if (reason !== undefined) return reason;
      }
      return set.size === 0 ? undefined : wg("addconf", [...set].map(section).join(""));
    },
  };
}

/** `wg` takes no empty AllowedIPs: a peer without the line has none when it is added, and keeps what it has otherwise. */
function section([key, index]: [string, number]): string {
  const addresses = addressesOf(index);
  const allowed = addresses.length === 0 ? "" : `AllowedIPs = ${addresses.join(", ")}\n`;
  return `[Peer]\nPublicKey = ${key}\n${allowed}`;
}

async function isConfigured({ device, port, key }: Place): Promise<boolean> {
  const [publicKey, listenPort] = await Promise.all([
    show(device, "public-key"),
    show(device, "listen-port"),
  ]);
  return publicKey?.trim() === key.publicKey && listenPort?.trim() === String(port);
}

/** Only what bears no address of a client is ever asked for (wg-lines.ts). */
async function show(
  device: string,
  what: "public-key" | "listen-port" | "allowed-ips" | "latest-handshakes" | "transfer",
): Promise<string | undefined> {
  const program = findProgram("wg");
  if (program === undefined) return undefined;
  const { code, stdout } = await runCommand([program, "show", device, what]);
  return code === 0 ? stdout : undefined;
}

const reader = ({ device }: Place): Pick<WireguardControl, "peers" | "reading"> => ({
  peers: async () => {
    const text = await show(device, "allowed-ips");
    if (text === undefined) return undefined;
    return new Map(
      [...readAllowed(text)].map(([key, allowed]) => [key, allowed.split(" ").sort().join(" ")]),
    );
  },
  reading: peerReader((what) => show(device, what)),
});

/**
 * Asks for what came from the peers, and for their handshakes only where something has since the last time: every handshake
 * begins with a packet, and an idle server starts half as many programs.
 */
export function peerReader(
  ask: (what: "transfer" | "latest-handshakes") => Promise<string | undefined>,
): () => Promise<PeerReading | undefined> {
  let known: { transfer: string; reading: PeerReading } | undefined;
  return async () => {
    // In this order: a handshake in between is read now, and once more the next time.
    const transfer = await ask("transfer");
    if (transfer === undefined) return undefined;
    if (known?.transfer === transfer) return known.reading;
    const handshakes = await ask("latest-handshakes");
    if (handshakes === undefined) return undefined;
    known = { transfer, reading: { handshakes: readHandshakes(handshakes), heard: readHeard(transfer) } };
    return known.reading;
  };
}
