import { allGroups } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { countryName } from "../../lib/locale.ts";
import { type Html, html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";
import { serviceName } from "../service-names.ts";
import { LOADS, SERVICES, type ServerQuery, SORTS, STATES } from "./server-query.ts";

/** More cities than this are typed without suggestions: the page stays light. */
const SUGGESTIONS_MOST = 120;

const STATE_WORDS: Record<(typeof STATES)[number], string> = {
  up: sentence("up"),
  draining: sentence("being emptied"),
  "no-news": sentence("no news"),
};
const SORT_WORDS: Record<(typeof SORTS)[number], string> = {
  place: sentence("country and city"),
  load: sentence("lowest load"),
  name: sentence("name"),
  bandwidth: sentence("most bandwidth"),
};

interface Option {
  value: string;
  text: string;
}

function select(name: string, label: string, chosen: string, options: readonly Option[]): Html {
  return html`<div class="field"><label for="f-${name}">${label}</label><select id="f-${name}" name="${name}">${options.map(
    ({ value, text }) =>
      html`<option value="${value}"${value === chosen && html` selected`}>${text}</option>`,
  )}</select></div>`;
}

/** The form over the list of servers: sent with GET, so that what it shows has an address of its own. */
export function serverFilter(
  say: Say,
  servers: readonly ServerStatus[],
  query: ServerQuery,
  action = "/status",
): Html {
  const any = { value: "", text: say.text("any") };
  const countries = new Map(servers.map((server) => [server.countryCode, countryName(say, server)]));
  const cities = [
    ...new Set(
      servers
        .filter(({ countryCode }) => query.country === "" || countryCode === query.country)
        .map(({ city }) => city),
    ),
  ].sort();
  const offered = SERVICES.filter((service) =>
    servers.some((server) => server.services.some((each) => each.service === service)),
  );
  const own = [...allGroups(servers).keys()].filter((group) =>
    servers.some(({ groups }) => groups.includes(group)),
  );
  const suggest = cities.length <= SUGGESTIONS_MOST;
  return html`<form class="filter panel" method="get" action="${action}" role="search" aria-label="${say.text("Servers")}">
${select("country", say.text("Country"), query.country, [any, ...[...countries].map(([value, text]) => ({ value, text })).sort((a, b) => a.text.localeCompare(b.text, say.tag))])}
<div class="field"><label for="f-city">${say`City`}</label><input id="f-city" name="city" value="${query.city}" maxlength="60" autocomplete="off"${suggest && html` list="f-cities"`}>${
    suggest &&
    html`<datalist id="f-cities">${cities.map((city) => html`<option value="${city}"></option>`)}</datalist>`
  }</div>
<div class="field"><label for="f-name">${say`Server’s name`}</label><input id="f-name" name="name" value="${query.name}" maxlength="60" autocomplete="off"></div>
${select("service", say.text("Service"), query.service, [any, ...offered.map((value) => ({ value, text: say.text(serviceName(value)) }))])}
${select("load", say.text("Load"), query.load === 0 ? "" : String(query.load), [any, ...LOADS.map((load) => ({ value: String(load), text: say.text("under {0} %", load) }))])}
${select("state", say.text("State"), query.state, [any, ...STATES.map((value) => ({ value, text: say.text(STATE_WORDS[value]) }))])}
${own.length > 0 && select("group", say.text("Group"), query.group, [any, ...own.map((value) => ({ value, text: value }))])}
${own.length === 0 && query.group !== "" && html`<input type="hidden" name="group" value="${query.group}">`}
${select(
  "sort",
  say.text("Order by"),
  query.sort,
  SORTS.map((value) => ({ value, text: say.text(SORT_WORDS[value]) })),
)}
<p class="actions"><button class="button">${say`Show`}</button> <a href="${action}">${say`Show all`}</a></p>
</form>`;
}
