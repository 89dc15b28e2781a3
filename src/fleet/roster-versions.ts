import type { Clock } from "../lib/clock.ts";
import type { RosterPublisher } from "../link/publisher.ts";
import type { Store } from "../store/open.ts";
import { raiseVersionFloor } from "../store/site.ts";

/**
 * Exits refuse a roster whose version is lower than one they have seen. Versions go by the clock as a rule, but clocks are set back,
 * leaders change and backups are restored; so the store holds a number that is above every version given, reserved ahead:
 * an hour's worth by the clock, or so many versions where the floor is ahead of the clock. Few writes, two an hour.
 */
const AHEAD_MS = 3_600_000;
/** Changes go out a hundred times a second at most (link/publisher.ts): a quarter of an hour. */
const AHEAD_VERSIONS = 100_000;
const LOOK_EVERY_MS = 60_000;

export interface RosterVersions {
  /** Goes above all that any office has given. For the start, and for a new leader before its first word. Throws StoreError. */
  takeOver(): Promise<void>;
  /** Reserves more where little is left. Runs by itself each minute. Throws StoreError. */
  reserve(): Promise<void>;
  close(): void;
}

type Publisher = Pick<RosterPublisher, "version" | "raiseVersion">;

/** Has taken over when it resolves. Throws StoreError. */
export async function reserveVersions(options: {
  store: Store;
  clock: Clock;
  publisher: Publisher;
}): Promise<RosterVersions> {
  const { store, clock, publisher } = options;
  let reserved = 0;
  const takeOver = async () => {
    const taken = await raiseVersionFloor(store, (floor) =>
      Math.max(floor + AHEAD_VERSIONS, clock.now() + AHEAD_MS),
    );
    reserved = taken.reserved;
    publisher.raiseVersion(taken.floor);
  };
  const reserve = async () => {
    const needed = Math.max(publisher.version + AHEAD_VERSIONS / 2, clock.now() + AHEAD_MS / 2);
    if (needed < reserved) return;
    const raised = Math.max(publisher.version + AHEAD_VERSIONS, clock.now() + AHEAD_MS);
    ({ reserved } = await raiseVersionFloor(store, () => raised));
  };
  await takeOver();
  // Where the store cannot be written now, the next look tries again; half of what is reserved is still there.
  const timer = setInterval(() => void reserve().catch(() => undefined), LOOK_EVERY_MS);
  timer.unref();
  return { takeOver, reserve, close: () => clearInterval(timer) };
}
