import type { Worker } from "./child.ts";
import type { Load, LoadTasks } from "./load.ts";
import type { OfficeTasks } from "./office.ts";

/** A public page or feed of a site with so many servers, asked for at a steady rate. */
export interface PageFigures extends Load {
  path: string;
  servers: number;
  /** Of one core, the office's. */
  corePercent: number;
  /** The longest that the office's event loop stood still meanwhile, ms. */
  stallMs: number;
}

/** What is asked for under a title of the table. */
export const PAGES = {
  "/status": ["/status"],
  // Visitors who look around: each of these is a page of its own to the site.
  "/status, filtered and sorted": [
    ...["", "&page=2", "&page=3"].flatMap((page) => [`?sort=load${page}`, `?sort=name${page}`]),
    ...["AA", "BH", "CI", "DN", "FU", "HD"].map((country) => `?country=${country}`),
    ...[
      "?service=openvpn&load=25",
      "?service=socks5",
      "?state=up&sort=bandwidth",
      "?city=City+1",
      "?name=exit9",
    ],
  ].map((query) => `/status${query}`),
  "/api/v1/servers": ["/api/v1/servers"],
  "/api/traffic.json": ["/api/traffic.json"],
} as const;

export async function measurePage(options: {
  path: keyof typeof PAGES;
  servers: number;
  office: Worker<OfficeTasks>;
  load: Worker<LoadTasks>;
  url: string;
  perSecond: number;
  seconds: number;
}): Promise<PageFigures> {
  const { path, servers, office, load, perSecond, seconds } = options;
  const urls = PAGES[path].map((each) => `${options.url}${each}`);
  await load.ask("arrivals", { urls, perSecond, seconds: 1, warmSeconds: 0 });
  await office.ask("watchLoop");
  const before = await office.ask("use");
  const done = await load.ask("arrivals", { urls, perSecond, seconds, warmSeconds: 0 });
  const after = await office.ask("use");
  return {
    ...done,
    path,
    servers,
    corePercent: (after.cpuMs - before.cpuMs) / (seconds * 10),
    stallMs: await office.ask("longestStall"),
  };
}
