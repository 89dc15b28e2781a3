import type { ServerIdentity } from "../link/identity.ts";
import { LARGE_DOWNLOADS_MBIT } from "../policy/fair-use.ts";
import { type NewsState, type ServerNews, SLOT_S, SLOTS_A_DAY } from "./server-news.ts";
import type { Server, ServicePort } from "./servers.ts";

interface ServiceStatus {
  service: string;
  /** As of the last news; false where there is none, or it is old. */
  healthy: boolean;
  ports: ServicePort[];
}

/** A server as of now. The same object as before where nothing about it has changed. */
export interface ServerStatus {
  server: string;
  host: string;
  city: string;
  country: string;
  countryCode: string;
  latitude: number;
  longitude: number;
  addresses: string[];
  bandwidthMbit: number;
  groups: string[];
  /** Takes no new logins; sessions go on. */
  draining: boolean;
  state: NewsState;
  /** With `no-news`: the end of the last minute that anything is known of, UTC seconds; else 0. */
  noNewsSince: number;
  /** The end of the last five minutes that are known, UTC seconds; 0 where none are. */
  slotEndsAt: number;
  /** Of those five minutes; 0 where none are known. */
  inPercent: number;
  outPercent: number;
  /** 100 · max(in, out) / max(bandwidth, in, out), whole. */
  loadPercent: number;
  services: ServiceStatus[];
  /** What its services are known by; left out until the exit has said it. */
  identity?: ServerIdentity;
  largeDownloads: boolean;
}

/** `untilS`: until when it stands if nothing more is heard, UTC seconds. */
export function statusOf(
  server: Server,
  news: ServerNews,
  nowS: number,
): { status: ServerStatus; untilS: number } {
  const { state, untilS } = news.state(nowS);
  const known = state !== "never" && news.newestSlot > Math.floor(nowS / SLOT_S) - SLOTS_A_DAY - 1;
  const { inPercent = 0, outPercent = 0 } = known ? news.traffic(news.newestSlot) : {};
  const { name, services, ...place } = server;
  const status: ServerStatus = {
    server: name,
    ...place,
    state,
    noNewsSince: state === "no-news" ? news.newsAtS : 0,
    slotEndsAt: known ? (news.newestSlot + 1) * SLOT_S : 0,
    inPercent,
    outPercent,
    loadPercent: loadPercent(inPercent, outPercent),
    services: services.map((offer) => ({
      ...offer,
      healthy: state === "up" && news.healthy(offer.service, nowS),
    })),
    ...(server.identity !== undefined && { identity: server.identity }),
    largeDownloads: server.bandwidthMbit >= LARGE_DOWNLOADS_MBIT,
  };
  return { status, untilS };
}

/** Load as the interfaces that clients know define it, of figures in percent of the bandwidth. */
export function loadPercent(inPercent: number, outPercent: number): number {
  const most = Math.max(inPercent, outPercent);
  return Math.round((100 * most) / Math.max(100, most));
}
