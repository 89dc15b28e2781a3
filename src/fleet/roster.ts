import type { Clock } from "../lib/clock.ts";
import type { NewCredential, RosterPublisher } from "../link/publisher.ts";
import type { ServerSettings } from "../link/settings.ts";

/** A member's credential as whoever keeps the accounts gives it. */
interface MemberCredential {
  vpnUsername: string;
  /** SHA-256 of the VPN password, 32 bytes. */
  passwordDigest: Uint8Array;
  /** UTC minutes since 1970. */
  untilMinutes: number;
}

type MemberChange =
  | ({ kind: "credential"; oldVpnUsername?: string } & MemberCredential)
  | { kind: "gone"; vpnUsername: string };

/** Where credentials come from: `Accounts`, seen from the fleet. */
export interface Members {
  onChange(callback: (change: MemberChange) => void): void;
  allCredentials(): AsyncIterable<MemberCredential>;
  /** VPN usernames whose paid time ended after `fromS` and until `toS`, UTC seconds. */
  lapsed(fromS: number, toS: number): Promise<string[]>;
  whileUnchanged<Value>(work: () => Promise<Value>): Promise<Value>;
}

type Publisher = Pick<
  RosterPublisher,
  "setCredential" | "removeCredential" | "replaceAllCredentials" | "setSettings"
>;

export interface RosterFeed {
  /** Takes rows out of the roster whose time is over (the exits refuse them anyway). Runs by itself each hour. */
  prune(): Promise<void>;
  close(): void;
}

const PRUNE_EVERY_MS = 3_600_000;

/**
 * Keeps the roster as the accounts and the settings say: first the whole of it, then each change as it is committed. When
 * it resolves the roster is complete and the publisher may start.
 */
export async function feedRoster(options: {
  members: Members;
  settings: readonly ServerSettings[];
  publisher: Publisher;
  clock: Clock;
}): Promise<RosterFeed> {
  const { members, publisher, clock } = options;
  const nowS = () => Math.floor(clock.now() / 1000);
  let prunedUntilS = nowS();

  // Heard from now on: what changes while everything is being read is done again by the publisher after it.
  members.onChange((change) => {
    if (change.kind === "gone") {
      publisher.removeCredential(change.vpnUsername);
      return;
    }
    if (change.oldVpnUsername !== undefined) publisher.removeCredential(change.oldVpnUsername);
    publisher.setCredential(change.vpnUsername, change.passwordDigest, change.untilMinutes);
  });
  for (const settings of options.settings) publisher.setSettings(settings.server, settings);
  await publisher.replaceAllCredentials(asRows(members.allCredentials()));

  const prune = () =>
    // While no account changes: one that is extended right now must not be taken out after it came in.
    members.whileUnchanged(async () => {
      const toS = nowS();
      for (const username of await members.lapsed(prunedUntilS, toS)) publisher.removeCredential(username);
      prunedUntilS = toS;
    });
  // Where the store cannot be read now, the same stretch is asked for again in an hour.
  const timer = setInterval(() => void prune().catch(() => undefined), PRUNE_EVERY_MS);
  timer.unref();
  return { prune, close: () => clearInterval(timer) };
}

async function* asRows(credentials: AsyncIterable<MemberCredential>): AsyncGenerator<NewCredential> {
  for await (const { vpnUsername, passwordDigest, untilMinutes } of credentials)
    yield { username: vpnUsername, passwordDigest, untilMinutes };
}
