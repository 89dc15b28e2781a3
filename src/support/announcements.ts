import { randomBytes } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import type { Store } from "../store/open.ts";
import type { AnnouncementRow } from "../store/tables.ts";

const DAY_MS = 86_400_000;
const DAY_S = 86_400;
export const TITLE_CHARACTERS_MOST = 120;
export const TEXT_CHARACTERS_MOST = 10_000;
/** The longest that an announcement can be told to stay; without a word it stays until it is taken away. */
export const ANNOUNCED_DAYS_MOST = 3660;
/** So many stand on the page and in the feed. */
const SHOWN_MOST = 50;

export interface Announcement {
  /** A UUID of version 7 (RFC 9562 section 5.7), so that the newest is the largest. */
  id: string;
  /** UTC milliseconds since 1970. */
  postedMs: number;
  title: string;
  /** Markdown. */
  text: string;
  /** UTC seconds: when it goes by itself; undefined: never. */
  deleteAfter: number | undefined;
}

export type AnnouncementError = "title-invalid" | "text-invalid" | "days-invalid";

/** What the operator tells everybody: maintenance, new servers, an outage. Shown on the site and in a feed. */
export class Announcements {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(options: { store: Store; clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  /** `days`: how long it stays; undefined: until it is removed. */
  async post(input: {
    title: string;
    text: string;
    days?: number | undefined;
  }): Promise<Result<Announcement, AnnouncementError>> {
    const title = input.title.trim();
    const text = input.text.replaceAll("\r\n", "\n").trim();
    if (!new RegExp(`^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]{1,${TITLE_CHARACTERS_MOST}}$`, "u").test(title))
      return fail("title-invalid");
    // Control characters could steer a terminal that shows the list, and XML 1.0 (section 2.2) has no place for them in a feed.
    if (text === "" || text.length > TEXT_CHARACTERS_MOST || /[^\P{Cc}\n\t]|\p{Cs}/u.test(text))
      return fail("text-invalid");
    const { days } = input;
    if (days !== undefined && !(Number.isInteger(days) && days >= 1 && days <= ANNOUNCED_DAYS_MOST))
      return fail("days-invalid");
    const nowMs = this.#clock.now();
    const day = Math.floor(nowMs / DAY_MS);
    const row: AnnouncementRow = {
      id: uuid7(nowMs),
      day,
      title,
      body: text,
      delete_after: days === undefined ? null : (day + 1 + days) * DAY_S,
    };
    await this.#store.db.insertInto("announcements").values(row).execute();
    return ok(announcementOf(row));
  }

  /** The newest first; what is over is left out, whether or not it was swept. */
  async list(): Promise<Announcement[]> {
    const rows = await this.#store.db
      .selectFrom("announcements")
      .selectAll()
      .where((where) =>
        where.or([
          where("delete_after", "is", null),
          where("delete_after", ">", Math.floor(this.#clock.now() / 1000)),
        ]),
      )
      .orderBy("id", "desc")
      .limit(SHOWN_MOST)
      .execute();
    return rows.map(announcementOf);
  }

  /** Whether there was one. */
  async remove(id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#store.db
      .deleteFrom("announcements")
      .where("id", "=", id)
      .executeTakeFirst();
    await this.#store.scrub();
    return numDeletedRows > 0n;
  }
}

const announcementOf = ({ id, title, body, delete_after }: AnnouncementRow): Announcement => ({
  id,
  postedMs: Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16),
  title,
  text: body,
  deleteAfter: delete_after ?? undefined,
});

/** RFC 9562 section 5.7: 48 bits of milliseconds, version and variant, 74 random bits. */
function uuid7(nowMs: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
