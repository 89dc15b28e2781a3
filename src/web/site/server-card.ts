import type { SlotTraffic } from "../../fleet/server-news.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { countryName } from "../../lib/locale.ts";
import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { dayChart } from "./day-chart.ts";
import { figures, megabits, notes, services } from "./figures.ts";

/** A server with its figures and its day, where there are few enough to look at each. */
export const serverCard = (
  say: Say,
  server: ServerStatus,
  day: readonly SlotTraffic[],
  best: boolean,
): Html => html`<article class="panel server" id="server-${server.server}" aria-labelledby="name-${server.server}">
<div><h2 id="name-${server.server}"><a href="/status/${server.server}">${server.city}</a></h2>
<p class="place">${countryName(say, server)} · ${megabits(say, server.bandwidthMbit)}</p>
<p class="place code">${server.host}</p>
<p class="badges">${notes(say, server, best)}</p>
${services(say, server)}</div>
<div>${figures(say, server)}
${dayChart(say, day)}</div>
</article>`;
