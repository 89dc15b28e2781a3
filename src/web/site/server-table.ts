import type { ServerStatus } from "../../fleet/server-status.ts";
import { type Html, html } from "../html.ts";
import { shortServiceName } from "../service-names.ts";
import { loadBar, megabits, notes, percentText } from "./figures.ts";
import { knownLoad } from "./server-query.ts";

/** Many servers in rows: in the order of places a table a country, in it the cities; in any other order one table. */
export function serverTables(servers: readonly ServerStatus[], byPlace: boolean, best: string): Html[] {
  if (!byPlace)
    return [
      html`<section class="panel rows-of" id="servers"><table class="servers"><caption class="unseen">Servers</caption>${head("Place")}
<tbody>${servers.map((server) => row(server, html`<th scope="row">${server.city}, ${server.country}</th>`, best))}</tbody></table></section>`,
    ];
  return groupedBy(servers, ({ country }) => country).map(
    (
      inCountry,
    ) => html`<section class="panel rows-of" id="country-${inCountry[0]!.countryCode}"><table class="servers"><caption>${inCountry[0]!.country} <small class="muted">${count(inCountry.length)}</small></caption>${head("City")}
${groupedBy(inCountry, ({ city }) => city).map(cityRows(best))}</table></section>`,
  );
}

export const count = (servers: number): string => (servers === 1 ? "1 server" : `${servers} servers`);

const head = (place: string): Html =>
  html`<thead><tr><th scope="col">${place}</th><th scope="col">Server</th><th scope="col">Load</th><th scope="col">Bandwidth</th><th scope="col">Services</th><th scope="col">State</th></tr></thead>`;

const cityRows =
  (best: string) =>
  (servers: ServerStatus[]): Html =>
    html`<tbody>${servers.map((server, index) =>
      row(
        server,
        index === 0 && html`<th scope="rowgroup" rowspan="${servers.length}">${server.city}</th>`,
        best,
      ),
    )}</tbody>\n`;

function row(server: ServerStatus, place: Html | false, best: string): Html {
  const load = knownLoad(server)
    ? html`${percentText(server.loadPercent)}${loadBar(server.loadPercent)}`
    : html`<span class="muted">not known</span>`;
  return html`<tr>${place}<td><a href="/status/${server.server}">${server.server}</a></td><td data-label="Load">${load}</td><td data-label="Bandwidth">${megabits(server.bandwidthMbit)}</td><td data-label="Services">${serviceWords(server)}</td><td data-label="State" class="badges">${notes(server, server.server === best)}</td></tr>\n`;
}

function serviceWords(server: ServerStatus): Html {
  const failing = (healthy: boolean) => server.state === "up" && !healthy;
  const words = server.services.map(({ service, healthy }, index) => {
    const comma = index > 0 && ", ";
    return failing(healthy)
      ? html`${comma}<strong class="failing">${shortServiceName(service)} (not working)</strong>`
      : html`${comma}${shortServiceName(service)}`;
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
