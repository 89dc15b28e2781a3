import type { Hono } from "hono";
import type { Blocklist } from "../../lib/blocklist.ts";
import type { BlocklistSourceView, BlocklistsRenewed, BlocklistView } from "../control/control.ts";
import { dayAndTime } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { cells, table } from "./fields.ts";
import { adminPage, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

const TITLES: Record<Blocklist, string> = {
  ads: "Adverts and trackers",
  malware: "Malware",
  adult: "Adult content and gambling",
};

const counted = (count: number): string => count.toLocaleString("en-GB");

function listTable(lists: readonly BlocklistView[]): Html {
  const labels = ["List", "Names on the servers", "Renewed", "Sources"];
  return table(
    "What members can have blocked",
    labels,
    lists.map(({ list, names, renewed, sources }) =>
      cells(labels, [
        TITLES[list],
        names === undefined ? "not read yet" : counted(names),
        renewed === undefined ? "never" : dayAndTime(renewed),
        html`${sources.map((source, index) => html`${index > 0 && html`<br>`}${source}`)}`,
      ]),
    ),
  );
}

/** What came of each source, as `lethe blocklists renew` says it. */
const sourceList = (sources: readonly BlocklistSourceView[]): Html =>
  html`<ul class="plain">${sources.map(
    ({ list, source, found, skipped, problem }) =>
      html`<li>${source}: ${
        problem === undefined
          ? `${counted(found)} names${skipped > 0 ? `; ${counted(skipped)} lines that block no name passed over` : ""}`
          : html`<span class="badge bad">${problem}</span> “${TITLES[list]}” stays as it was.`
      }</li>`,
  )}</ul>`;

export function addBlocklistsAdmin(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const page = (
    c: AdminContext,
    lists: readonly BlocklistView[],
    said: { error?: string | undefined; sources?: readonly BlocklistSourceView[] } = {},
  ): Response => {
    const { sources = [], error } = said;
    const failed = sources.filter(({ problem }) => problem !== undefined).length;
    const body = html`<h1>Blocklists</h1>
<p class="lead">What the resolvers in the tunnels leave out for members who chose so in their files.</p>
${said.sources !== undefined && failed === 0 && notice("All was read again. The servers have it within a minute or so.")}
${problem(failed > 0 ? `${failed} of ${sources.length} sources could not be read.` : error)}
${sources.length > 0 && sourceList(sources)}
${
  lists.length === 0
    ? html`<p>There are none. Name files or addresses in <code>[blocklists]</code> of lethe.toml, and run <code>lethe restart</code>.</p>`
    : html`${listTable(lists)}
<form class="panel narrow" method="post" action="blocklists">${tokenOf(c)}<p>Reads every source again and gives the lists to the servers. From addresses it can take minutes; a list that cannot be read whole stays as it was.</p>
<button class="button">Renew the lists</button></form>`
}`;
    return adminPage(admin, c, { title: "Blocklists", body, status: error === undefined ? 200 : 422 });
  };
  const lists = () => admin.ask<{ lists: BlocklistView[] }>("GET", "/blocklists");
  const shown = async (c: AdminContext, error?: string): Promise<Response> => {
    const asked = await lists();
    return page(c, asked.ok ? asked.value.lists : [], {
      error: error ?? (asked.ok ? undefined : asked.error),
    });
  };

  app.get("/blocklists", (c) => shown(c));
  app.post("/blocklists", async (c) => {
    const renewed = await admin.ask<BlocklistsRenewed>("POST", "/blocklists/renew");
    if (!renewed.ok) return shown(c, renewed.error);
    return page(c, renewed.value.lists, { sources: renewed.value.sources });
  });
}
