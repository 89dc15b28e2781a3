import { isDeepStrictEqual } from "node:util";
import type { Selectable, Transaction } from "kysely";
import type { Clock } from "../lib/clock.ts";
import { type Blocked, NOTHING_BLOCKED } from "../lib/port-range.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import {
  type EnrolmentAnswer,
  type EnrolmentRefusal,
  type EnrolmentRequest,
  enrolmentAnswerMac,
  enrolmentRequestMac,
  sameMac,
} from "../link/enrolment.ts";
import type { ServerIdentity } from "../link/identity.ts";
import type { Store } from "../store/open.ts";
import type { Tables } from "../store/tables.ts";
import { type BlockChange, type BlockError, changedBlocked } from "./blocked.ts";
import { newTokenId, TOKEN_LIFETIME_S, tokenOf } from "./enrolment.ts";
import type { FleetServer, Invitation, NewServer } from "./fleet-server.ts";
import { groupsOf } from "./groups.ts";
import type { Listens } from "./listens.ts";
import { checkName, checkNewServer, type NameError, type NewServerError } from "./new-server.ts";
import { renameRow } from "./rename.ts";
import { newNumber } from "./server-number.ts";
import { type Origin, rowOf, type ServiceOffer, serverOf } from "./servers.ts";

/** `own-server`: it is an office's own machine, which its lethe.toml describes. */
export type ServerError = "unknown-server" | "own-server";

type Trx = Transaction<Tables>;
type Row = Selectable<Tables["servers"]>;
/** What an exit has to trust and to connect to. */
export type Trust = Pick<EnrolmentAnswer, "sitePublicKey" | "ca" | "link">;

/** Thrown to roll back; carries the outcome past Kysely. */
class Refused extends Error {
  readonly outcome: { ok: false; error: string };
  constructor(outcome: { ok: false; error: string }) {
    super(outcome.error);
    this.outcome = outcome;
  }
}

/**
 * The servers of this provider, in the store: added, enrolled, drained, renamed, taken out. Whatever office of several changes
 * something, each hears of it (`onChange`) and has the whole of it at hand (`current`). Names are short names (groups.ts).
 */
export class Fleet {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #siteSecret: Uint8Array;
  readonly #origin: Origin | undefined;
  readonly #offers: (listens: Listens | undefined, host: string) => ServiceOffer[];
  #listeners: (() => void | Promise<void>)[] = [];
  #current: readonly FleetServer[] = [];
  #reading: Promise<void> = Promise.resolve();
  #unlisten: (() => Promise<void>) | undefined;

  /** `origin`: this office's own machine's, which it does not take out. `offers`: what a server of this host that listens so offers (undefined: as lethe.toml says). */
  constructor(options: {
    store: Store;
    clock: Clock;
    siteSecret: Uint8Array;
    origin?: Origin;
    offers: (listens: Listens | undefined, host: string) => ServiceOffer[];
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#siteSecret = options.siteSecret;
    this.#origin = options.origin;
    this.#offers = options.offers;
  }

  /** Reads the servers, and from then on hears what other offices change. Throws StoreError. */
  async start(): Promise<void> {
    await this.#reofferAll();
    this.#unlisten = await this.#store.news.listen("server_changes", () => {
      // Unreadable now: the next news, or the next command, reads it again.
      this.refresh().catch(() => undefined);
    });
    await this.refresh();
  }

  async close(): Promise<void> {
    this.#listeners = [];
    await this.#unlisten?.();
    await this.#reading.catch(() => undefined);
  }

  /** Calls back when a server is not what it was; awaited, so that a command answers when its change has been passed on. */
  onChange(callback: () => void | Promise<void>): void {
    this.#listeners.push(callback);
  }

  /** Every server, by name, those included that have not enrolled; as of the last change. */
  get current(): readonly FleetServer[] {
    return this.#current;
  }

  /** The servers that connect over the network, enrolled. */
  get remote(): readonly FleetServer[] {
    return this.#current.filter(({ local, nkey }) => !local && nkey !== undefined);
  }

  named(name: string): FleetServer | undefined {
    return this.#current.find((server) => server.name === name);
  }

  /** The server that calls itself so on the link. */
  byLinkName(linkName: string): FleetServer | undefined {
    return this.#current.find((server) => server.linkName === linkName);
  }

  /** Reads the store again, and tells the listeners where something has changed. One after the other. */
  refresh(): Promise<void> {
    const read = this.#reading.then(async () => {
      const rows = await this.#store.db.selectFrom("servers").selectAll().orderBy("name").execute();
      const now = rows.map(fleetServerOf);
      if (JSON.stringify(now) === JSON.stringify(this.#current)) return;
      this.#current = now;
      for (const listener of this.#listeners) await listener();
    });
    this.#reading = read.catch(() => undefined);
    return read;
  }

  /** A new server that may enrol within 30 minutes. */
  add(server: NewServer): Promise<Result<Invitation, NewServerError>> {
    return this.#change(server.name, async (trx) => {
      const others = await allServers(trx);
      const wrong = checkNewServer(server, others);
      if (wrong !== undefined) return fail(wrong);
      const invitation = this.#invitation(server.name);
      const host = server.host ?? server.addresses[0]!;
      const public_ = {
        ...server,
        host,
        services: this.#offers(server.listens, host),
        groups: server.groups ?? [],
      };
      await trx
        .insertInto("servers")
        .values({
          ...rowOf(public_),
          origin: "fleet",
          link_name: server.name,
          listens: server.listens === undefined ? null : JSON.stringify(server.listens),
          enrolment_id: invitation.tokenId,
          enrolment_expires: invitation.expires,
          number: await newNumber(trx),
        })
        .execute();
      return ok(invitation);
    });
  }

  /**
   * Takes a new server's public key, once; the same request again (its answer was lost) gets the same answer. `trust` is
   * what the exit gets to know in return.
   */
  async enrol(
    request: EnrolmentRequest,
    trust: Trust,
  ): Promise<Result<EnrolmentAnswer, Exclude<EnrolmentRefusal, "malformed" | "slow-down">>> {
    const token = tokenOf(this.#siteSecret, request.tokenId);
    if (!sameMac(enrolmentRequestMac(token, request), request.mac)) return fail("unknown");
    const { server, nonce, nkey } = request;
    return this.#change(server, async (trx) => {
      const row = await trx
        .selectFrom("servers")
        .selectAll()
        .where("enrolment_id", "=", request.tokenId)
        .executeTakeFirst();
      if (row === undefined) return fail("unknown");
      if (row.link_name !== server) return fail("wrong-server");
      if (row.nkey !== null && row.nkey !== nkey) return fail("used");
      // Two servers of one key could speak for one another.
      const twin = await trx
        .selectFrom("servers")
        .select("name")
        .where("nkey", "=", nkey)
        .where("name", "!=", row.name)
        .executeTakeFirst();
      if (twin !== undefined) return fail("used");
      if (row.enrolment_expires === null || row.enrolment_expires <= this.#nowS()) return fail("expired");
      await trx.updateTable("servers").set({ nkey }).where("name", "=", row.name).execute();
      const answer = { server, ...trust, nonce };
      return ok({ ...answer, mac: enrolmentAnswerMac(token, answer) });
    });
  }

  /** No new logins from now on; sessions go on. Any server, an office's own too. */
  drain(name: string): Promise<Result<void, "unknown-server">> {
    return this.#set(name, { state: "draining" });
  }

  undrain(name: string): Promise<Result<void, "unknown-server">> {
    return this.#set(name, { state: "active" });
  }

  /**
   * What an exit says that its services are known by, in place of all it has said before. Changes nothing, and tells nobody,
   * where it is the same.
   */
  async setIdentity(name: string, identity: ServerIdentity): Promise<Result<void, "unknown-server">> {
    const server = this.named(name);
    if (isDeepStrictEqual(server?.identity, identity)) return ok(undefined);
    return this.#set(name, { identity: JSON.stringify(identity) });
  }

  /**
   * Blocks something on a server, or takes that back: new connections of members to these ports (on any address) or these ranges.
   * Any server, an office's own too. Ports that overlap become one range.
   */
  setBlocked(name: string, change: BlockChange): Promise<Result<void, BlockError>> {
    return this.#change(name, async (trx): Promise<Result<void, BlockError>> => {
      const row = await trx
        .selectFrom("servers")
        .select("blocked")
        .where("name", "=", name)
        .executeTakeFirst();
      if (row === undefined) return fail("unknown-server");
      const next = changedBlocked(blockedOf(row), change);
      if (!next.ok) return next;
      const { ports, ranges } = next.value;
      const blocked = ports.length + ranges.length === 0 ? null : JSON.stringify(next.value);
      await trx.updateTable("servers").set({ blocked }).where("name", "=", name).execute();
      return ok(undefined);
    });
  }

  /** The bundle that a server is to run, SHA-256 in hex; null: whichever it has. */
  setRelease(name: string, release: string | null): Promise<Result<void, ServerError>> {
    return this.#changeRemote(name, async (trx) => {
      await trx.updateTable("servers").set({ release }).where("name", "=", name).execute();
      return ok(undefined);
    });
  }

  /**
   * Out of the fleet, with its traffic and its key. Another office's machine too, for an office that will not come back: one
   * that is there puts it in again at its next start.
   */
  async remove(name: string): Promise<Result<void, ServerError>> {
    const outcome = await this.#change(name, async (trx): Promise<Result<void, ServerError>> => {
      const row = await trx
        .selectFrom("servers")
        .select("origin")
        .where("name", "=", name)
        .executeTakeFirst();
      if (row === undefined) return fail("unknown-server");
      if (row.origin === this.#origin) return fail("own-server");
      await trx.deleteFrom("servers").where("name", "=", name).execute();
      return ok(undefined);
    });
    if (outcome.ok) await this.#store.scrub();
    return outcome;
  }

  /** Another public name; on the link, and in its certificate, it is called as before. */
  rename(name: string, newName: string): Promise<Result<void, ServerError | NameError>> {
    return this.#changeRemote(name, async (trx, row): Promise<Result<void, NameError>> => {
      const others = (await allServers(trx)).filter((server) => server.name !== name);
      const wrong = checkName(newName, others);
      if (wrong !== undefined) return fail(wrong);
      const groups = groupsOf({ name: newName, groups: serverOf(row).groups });
      if (groups.some((group) => group === newName || others.some((other) => other.name === group)))
        return fail("name-is-group");
      if (newName !== name) await renameRow(trx, row, newName);
      return ok(undefined);
    });
  }

  /**
   * Forgets the server's key at once and opens a new enrolment: after a seizure, or where the old line was not pasted in time.
   * One that had a key gets another name for its certificate, so that its old TLS key fits no profile made from now on.
   */
  async rotate(name: string): Promise<Result<Invitation, ServerError>> {
    const outcome = await this.#changeRemote<Invitation, never>(name, async (trx, row) => {
      const invitation = this.#invitation(row.link_name);
      await trx
        .updateTable("servers")
        .set({
          nkey: null,
          identity: null,
          // What joins now runs the newest already.
          release: null,
          generation: row.nkey === null ? row.generation : row.generation + 1,
          enrolment_id: invitation.tokenId,
          enrolment_expires: invitation.expires,
        })
        .where("name", "=", name)
        .execute();
      await trx.deleteFrom("server_health").where("server", "=", name).execute();
      return ok(invitation);
    });
    if (outcome.ok) await this.#store.scrub();
    return outcome;
  }

  /** Takes out what is left of enrolments that are over. To be called every few minutes. */
  async forgetOldTokens(): Promise<void> {
    await this.#store.db
      .updateTable("servers")
      .set({ enrolment_id: null, enrolment_expires: null })
      .where("enrolment_expires", "<=", this.#nowS())
      .execute();
    await this.refresh();
  }

  #invitation(linkName: string): Invitation {
    const tokenId = newTokenId();
    const token = tokenOf(this.#siteSecret, tokenId);
    return { linkName, tokenId, token, expires: this.#nowS() + TOKEN_LIFETIME_S };
  }

  #set(
    name: string,
    values: { state: "active" | "draining" } | { identity: string },
  ): Promise<Result<void, "unknown-server">> {
    return this.#change(name, async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable("servers")
        .set(values)
        .where("name", "=", name)
        .executeTakeFirst();
      return numUpdatedRows > 0n ? ok(undefined) : fail("unknown-server");
    });
  }

  #changeRemote<Value, Code extends string>(
    name: string,
    work: (trx: Trx, row: Row) => Promise<Result<Value, Code>>,
  ): Promise<Result<Value, Code | ServerError>> {
    return this.#change(name, async (trx): Promise<Result<Value, Code | ServerError>> => {
      const row = await trx.selectFrom("servers").selectAll().where("name", "=", name).executeTakeFirst();
      if (row === undefined) return fail("unknown-server");
      return row.origin === "fleet" ? work(trx, row) : fail("own-server");
    });
  }

  /** One transaction; when it stands the other offices are told, and ours. */
  async #change<Value, Code extends string>(
    name: string,
    work: (trx: Trx) => Promise<Result<Value, Code>>,
  ): Promise<Result<Value, Code>> {
    try {
      const outcome = await this.#store.db.transaction().execute(async (trx) => {
        const result = await work(trx);
        if (!result.ok) throw new Refused(result);
        await this.#store.news.tell(trx, "server_changes", [name]);
        return result;
      });
      await this.refresh();
      return outcome;
    } catch (error) {
      if (error instanceof Refused) return error.outcome as { ok: false; error: Code };
      throw error;
    }
  }

  /** lethe.toml may offer otherwise now than when the servers were added. */
  async #reofferAll(): Promise<void> {
    await this.#store.db.transaction().execute(async (trx) => {
      for (const { name, host, local, listens, services } of await allServers(trx)) {
        const now = JSON.stringify(this.#offers(listens, host));
        if (local || now === JSON.stringify(services)) continue;
        await trx.updateTable("servers").set({ services: now }).where("name", "=", name).execute();
        await this.#store.news.tell(trx, "server_changes", [name]);
      }
    });
  }

  #nowS(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

const allServers = async (trx: Trx): Promise<FleetServer[]> =>
  (await trx.selectFrom("servers").selectAll().orderBy("name").execute()).map(fleetServerOf);

const blockedOf = ({ blocked }: Pick<Row, "blocked">): Blocked =>
  blocked === null ? NOTHING_BLOCKED : JSON.parse(blocked);

function fleetServerOf(row: Row): FleetServer {
  return {
    ...serverOf(row),
    linkName: row.link_name,
    local: row.origin !== "fleet",
    origin: row.origin,
    nkey: row.nkey ?? undefined,
    generation: row.generation,
    number: row.number ?? 0,
    listens: row.listens === null ? undefined : JSON.parse(row.listens),
    release: row.release ?? undefined,
    blocked: blockedOf(row),
    enrolmentExpires: row.enrolment_expires ?? undefined,
  };
}
