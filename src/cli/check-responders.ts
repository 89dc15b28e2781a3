import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { logFor } from "../lib/event-log.ts";
import { ForkedChild } from "../lib/forked-child.ts";
import type { UnixUser } from "../lib/unix-users.ts";
import { type CheckSeen, type CheckStart, readCheckSeen } from "../office/check/messages.ts";
import { CHECK_KEY_BYTES } from "../office/check/tokens.ts";
import type { Config } from "../office/config.ts";
import { type ListenAddress, parseListen } from "../office/listen-address.ts";

const DNS_PORT = 53;
const STOP_MS = 2000;

/**
 * The process behind the page "Am I protected?" (office/check/main.ts), where lethe.toml has something for it to do. What it has seen
 * goes to the office as it is, checked for its shape; nothing of it is kept here.
 */
export class CheckResponders {
  /** Of the names that the office's pages are given; a new one with each start of ours. */
  readonly key = randomBytes(CHECK_KEY_BYTES).toString("base64");
  readonly #child: ForkedChild | undefined;

  constructor(options: {
    settings: Config["check"];
    user: UnixUser;
    /** This machine's public addresses. */
    addresses: readonly string[];
    onSeen: (seen: CheckSeen) => void;
  }) {
    const { settings, user, addresses, onSeen } = options;
    const start: CheckStart = {
      type: "start",
      user,
      key: this.key,
      ...(settings.dns_name !== "" && {
        dns: { name: settings.dns_name, listen: dnsPlaces(settings.dns_listen, addresses) },
      }),
      stun: settings.stun.map((text) => parseListen(text)!),
    };
    if (start.dns === undefined && start.stun.length === 0) return;
    this.#child = new ForkedChild({
      module: fileURLToPath(new URL("../office/check/main.ts", import.meta.url)),
      log: logFor("check"),
      onStart: (child) => child.send(start),
      onMessage: (message) => {
        const seen = readCheckSeen(message);
        if (seen !== undefined) onSeen(seen);
      },
    });
  }

  start(): void {
    this.#child?.start();
  }

  async stop(): Promise<void> {
    await this.#child?.stop(STOP_MS);
  }
}

/** Not on every address: the resolvers inside the tunnels have port 53 of theirs. */
function dnsPlaces(said: readonly string[], addresses: readonly string[]): ListenAddress[] {
  if (said.length > 0) return said.map((text) => parseListen(text)!);
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((each) => each?.map(({ address }) => address) ?? []),
  );
  return addresses.filter((address) => own.has(address)).map((address) => ({ address, port: DNS_PORT }));
}
