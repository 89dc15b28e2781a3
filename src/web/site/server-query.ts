import { inGroup } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { SERVICES } from "../../link/services.ts";

/** Which servers, in which order: the fields of the form on the status page, and of the API. */

export const STATES = ["up", "draining", "no-news"] as const;
export const SORTS = ["place", "load", "name", "bandwidth"] as const;
export const LOADS = [25, 50, 80] as const;
export { SERVICES };

export interface ServerQuery {
  /** Two capital letters. */
  country: string;
  /** The beginning of a city's name. */
  city: string;
  /** A part of a server's name. */
  name: string;
  service: string;
  group: string;
  /** Load below so many percent; 0: any. */
  load: number;
  state: (typeof STATES)[number] | "";
  sort: (typeof SORTS)[number];
  /** From 1. */
  page: number;
}

const TEXT_MOST = 60;

/** What was asked for; what makes no sense counts as not asked, so that an old bookmark still shows something. */
export function parseQuery(given: Readonly<Record<string, string | undefined>>): ServerQuery {
  const text = (key: string) => (given[key] ?? "").trim().slice(0, TEXT_MOST);
  const word = <Word extends string>(key: string, words: readonly Word[]) =>
    words.find((each) => each === given[key]);
  const page = Number(given.page);
  return {
    country: /^[A-Za-z]{2}$/.test(text("country")) ? text("country").toUpperCase() : "",
    city: text("city"),
    name: text("name"),
    service: word("service", SERVICES) ?? "",
    group: text("group").toLowerCase(),
    load: LOADS.find((each) => String(each) === given.load) ?? 0,
    state: word("state", STATES) ?? "",
    sort: word("sort", SORTS) ?? "place",
    page: Number.isInteger(page) && page >= 1 && page <= 100_000 ? page : 1,
  };
}

/** The address's part after the path, with nothing in it that is not asked for; empty where nothing is. */
export function queryText(query: ServerQuery): string {
  const { sort, load, page, ...texts } = query;
  const fields = new URLSearchParams();
  for (const [key, value] of Object.entries(texts)) if (value !== "") fields.set(key, value);
  if (load !== 0) fields.set("load", String(load));
  if (sort !== "place") fields.set("sort", sort);
  if (page !== 1) fields.set("page", String(page));
  return fields.size === 0 ? "" : `?${fields}`;
}

/** Whether anything is asked for that leaves servers out. */
export const isFiltered = (query: ServerQuery): boolean =>
  queryText({ ...query, sort: "place", page: 1 }) !== "";

/** Those asked for, in the order asked for; all pages together. */
export function matching(servers: readonly ServerStatus[], query: ServerQuery): ServerStatus[] {
  const { country, service, load, state, group } = query;
  const city = folded(query.city);
  const name = folded(query.name);
  return inOrder(servers, query.sort).filter(
    (server) =>
      (country === "" || server.countryCode === country) &&
      (city === "" || folded(server.city).startsWith(city)) &&
      (name === "" || server.server.includes(name) || server.host.toLowerCase().includes(name)) &&
      (service === "" || server.services.some((each) => each.service === service)) &&
      (group === "" || inGroup(server, group)) &&
      (load === 0 || (knownLoad(server) && server.loadPercent < load)) &&
      (state === "" || isIn(server, state)),
  );
}

/** Whether it is told how loaded the server is now. */
export const knownLoad = (server: ServerStatus): boolean => server.state === "up" && server.slotEndsAt > 0;

function isIn(server: ServerStatus, state: (typeof STATES)[number]): boolean {
  if (state === "draining") return server.draining;
  if (state === "up") return server.state === "up" && !server.draining;
  return server.state !== "up";
}

/** `Reykjavík` and `reykjavik` are the same to who types a name. */
const folded = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

const orders: Record<ServerQuery["sort"], (a: ServerStatus, b: ServerStatus) => number> = {
  place: (a, b) =>
    collator.compare(a.country, b.country) ||
    collator.compare(a.city, b.city) ||
    collator.compare(a.server, b.server),
  name: (a, b) => collator.compare(a.server, b.server),
  load: (a, b) =>
    Number(knownLoad(b)) - Number(knownLoad(a)) ||
    a.loadPercent - b.loadPercent ||
    b.bandwidthMbit - a.bandwidthMbit,
  bandwidth: (a, b) => b.bandwidthMbit - a.bandwidthMbit || a.loadPercent - b.loadPercent,
};

/** To sort a thousand names as people do takes longer than to make the page of them: once for each list. */
const sorted = new WeakMap<readonly ServerStatus[], Map<string, ServerStatus[]>>();

function inOrder(servers: readonly ServerStatus[], sort: ServerQuery["sort"]): ServerStatus[] {
  const known = sorted.get(servers) ?? new Map<string, ServerStatus[]>();
  sorted.set(servers, known);
  const found = known.get(sort) ?? [...servers].sort(orders[sort]);
  known.set(sort, found);
  return found;
}
