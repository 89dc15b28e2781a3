import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import type { Hono } from "hono";
import { base32 } from "../lib/base32.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/event-log.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { createAdmin } from "../web/admin/admin.ts";
import { askControl } from "../web/admin/ask.ts";
import { LINK_MINUTES, Visits } from "../web/admin/visits.ts";
import type { AdminEntrance } from "../web/control/operator.ts";
import { parseListen } from "./listen-address.ts";
import { siteServer } from "./site-server.ts";

const LOOK_EVERY_MS = 60_000;

interface Options {
  /** `admin.listen` and `admin.url` of lethe.toml; `listen` empty: there are no admin pages. */
  settings: { listen: string; url: string };
  siteName: string;
  demo: boolean;
  /** What the pages do, they do through it. */
  control: Hono;
  clock: Clock;
  log: Log;
  /** How often it looks whether anybody is still in. */
  lookEveryMs?: number;
}

/**
 * The listener of the admin pages. It is there only while somebody may come in or is in: `lethe admin open` opens it, and it closes
 * by itself when the last link and the last visit are over. So a port that is taken is told to whoever wanted it, and keeps nothing from starting.
 */
export class AdminDoor implements AdminEntrance {
  readonly #options: Options;
  readonly #visits: Visits;
  #server: Promise<Result<Server, string>> | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: Options) {
    this.#options = options;
    this.#visits = new Visits(options.clock);
  }

  async open(): Promise<Result<{ url: string; minutes: number }, string>> {
    const { listen, url } = this.#options.settings;
    if (listen === "") return fail("The admin pages are off: admin.listen in lethe.toml is empty.");
    // Before the door is asked for: one that would close just now stays.
    const code = this.#visits.invite();
    this.#server ??= this.#listen();
    const opened = await this.#server;
    if (!opened.ok) {
      this.#server = undefined;
      return opened;
    }
    const origin = url === "" ? `http://${listen}` : url.replace(/\/$/, "");
    return ok({ url: `${origin}/open#${code}`, minutes: LINK_MINUTES });
  }

  async closeAll(): Promise<number> {
    const ended = this.#visits.endAll();
    await this.close();
    return ended;
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    const opened = await this.#server;
    this.#server = undefined;
    if (!opened?.ok) return;
    opened.value.close();
    opened.value.closeAllConnections();
  }

  async #listen(): Promise<Result<Server, string>> {
    const { settings, siteName, demo, control, clock, log } = this.#options;
    const { address, port } = parseListen(settings.listen)!;
    const app = createAdmin({
      siteName,
      demo,
      base: `/${base32(randomBytes(10))}`,
      url: settings.url === "" ? undefined : settings.url.replace(/\/$/, ""),
      visits: this.#visits,
      ask: askControl(control),
      clock,
      log,
    });
    const server = siteServer(app.fetch);
    const { promise, resolve } = Promise.withResolvers<Result<Server, string>>();
    server.once("error", (error: NodeJS.ErrnoException) =>
      resolve(
        fail(
          error.code === "EADDRINUSE"
            ? `Another program has the address ${settings.listen}: set admin.listen in lethe.toml to a free one and run \`lethe restart\`.`
            : `The office cannot listen on ${settings.listen} (admin.listen in lethe.toml).`,
        ),
      ),
    );
    server.listen({ host: address, port }, () => resolve(ok(server)));
    const opened = await promise;
    if (opened.ok) {
      this.#watch = setInterval(() => {
        if (!this.#visits.open) void this.close();
      }, this.#options.lookEveryMs ?? LOOK_EVERY_MS);
      this.#watch.unref();
    }
    return opened;
  }
}
