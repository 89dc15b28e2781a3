import type { ServerStatus } from "../../fleet/server-status.ts";
import { countryName } from "../../lib/locale.ts";
import { type Html, html } from "../html.ts";
import type { Say } from "../languages/language.ts";
import { shortServiceName } from "../service-names.ts";
import { loadBar, megabits, notes, percentText } from "./figures.ts";
import { knownLoad } from "./server-query.ts";

/** Many servers in rows: in the order of places a table a country, in it the cities; in any other order one table. */
export function serverTables(
  say: Say,
  servers: readonly ServerStatus[],
  byPlace: boolean,
  best: string,
): Html[] {
  if (!byPlace)
    return [
      html`<section class="panel rows-of" id="servers"><table class="servers"><caption class="unseen">${say`Servers`}</caption>${head(say, say`Place`)}
<tbody>${servers.map((server) => row(say, server, html`<th scope="row">${server.city}, ${countryName(say, server)}</th>`, best))}</tbody></table></section>`,
    ];
  return groupedBy(servers, ({ country }) => country).map(
    (
      inCountry,
    ) => html`<section class="panel rows-of" id="country-${inCountry[0]!.countryCode}"><table class="servers"><caption>${countryName(say, inCountry[0]!)} <small class="muted">${count(say, inCountry.length)}</small></caption>${head(say, say`City`)}
${groupedBy(inCountry, ({ city }) => city).map(cityRows(say, best))}</table></section>`,
  );
}

export const count = (say: Say, servers: number): string =>
  servers === 1 ? say.text("1 server") : say.text("{0} servers", servers);

const head = (say: Say, place: Html): Html =>
  html`<thead><tr><th scope="col">${place}</th><th scope="col">${say`Server`}</th><th scope="col">${say`Load`}</th><th scope="col">${say`Bandwidth`}</th><th scope="col">${say`Services`}</th><th scope="col">${say`State`}</th></tr></thead>`;

const cityRows =
  (say: Say, best: string) =>
  (servers: ServerStatus[]): Html =>
    html`<tbody>${servers.map((server, index) =>
      row(
        say,
        server,
        index === 0 && html`<th scope="rowgroup" rowspan="${servers.length}">${server.city}</th>`,
        best,
      ),
    )}</tbody>\n`;

function row(say: Say, server: ServerStatus, place: Html | false, best: string): Html {
  const load = knownLoad(server)
    ? html`${percentText(say, server.loadPercent)}${loadBar(server.loadPercent)}`
    : html`<span class="muted">${say`not known`}</span>`;
  return html`<tr>${place}<td><a href="/status/${server.server}">${server.server}</a></td><td data-label="${say.text("Load")}">${load}</td><td data-label="${say.text("Bandwidth")}">${megabits(say, server.bandwidthMbit)}</td><td data-label="${say.text("Services")}">${serviceWords(say, server)}</td><td data-label="${say.text("State")}" class="badges">${notes(say, server, server.server === best)}</td></tr>\n`;
}

function serviceWords(say: Say, server: ServerStatus): Html {
  const failing = (healthy: boolean) => server.state === "up" && !healthy;
  const words = server.services.map(({ service, healthy }, index) => {
    const comma = index > 0 && ", ";
    return failing(healthy)
      ? html`${comma}<strong class="failing">${say.text("{0} (not working)", say.text(shortServiceName(service)))}</strong>`
      : html`${comma}${say.text(shortServiceName(service))}`;
  });
  return html`${words}`;
}

/** Neighbours that are alike, together. */
function groupedBy(
  servers: readonly ServerStatus[],
  key: (server: ServerStatus) => string,
): ServerStatus[][] {
  const groups: ServerStatus[][] = [];
  for (const server of servers) {
    const last = groups.at(-1);
    if (last !== undefined && key(last[0]!) === key(server)) last.push(server);
    else groups.push([server]);
  }
  return groups;
}
