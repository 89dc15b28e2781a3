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

export async function measurePage(options: {
  path: string;
  servers: number;
  office: Worker<OfficeTasks>;
  load: Worker<LoadTasks>;
  url: string;
  perSecond: number;
  seconds: number;
}): Promise<PageFigures> {
  const { path, servers, office, load, perSecond, seconds } = options;
  const url = `${options.url}${path}`;
  await load.ask("arrivals", { url, perSecond, seconds: 1, warmSeconds: 0 });
  await office.ask("stalls");
  const before = await office.ask("use");
  const done = await load.ask("arrivals", { url, perSecond, seconds, warmSeconds: 0 });
  const after = await office.ask("use");
  return {
    ...done,
    path,
    servers,
    corePercent: (after.cpuMs - before.cpuMs) / (seconds * 10),
    stallMs: (await office.ask("stalls")).longestMs,
  };
}
