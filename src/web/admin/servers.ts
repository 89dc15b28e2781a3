import type { Hono } from "hono";
import type { ServerView } from "../control/servers.ts";
import { timeOfDay } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { cells, line, numberField, table, wholeNumber } from "./fields.ts";
import { adminPage, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";
import { serverPage, stateBadge } from "./server-page.ts";

interface Invited {
  server: ServerView;
  line: string;
  expires: number;
}

const BANDWIDTH_MBIT = 1000;
const BANDWIDTH_MOST = 1_000_000;

function serverTable(servers: readonly ServerView[]): Html {
  const labels = ["Server", "Place", "Host", "Load", "Version", "State"];
  return table(
    "The fleet",
    labels,
    servers.map((server) =>
      cells(labels, [
        html`<a href="server?name=${server.name}">${server.name}</a>`,
        `${server.city}, ${server.country}`,
        server.host,
        server.news === "up" ? `${server.loadPercent} %` : "",
        server.local ? "the office’s own" : server.release,
        stateBadge(server),
      ]),
    ),
  );
}

const text = (name: string, label: string, value: string, hint: string, required = false): Html =>
  html`<div class="field"><label for="${name}">${label}${!required && html` <span class="muted">(optional)</span>`}</label>
<p class="hint" id="${name}-hint">${hint}</p>
<input id="${name}" name="${name}" value="${value}" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="${name}-hint"${required && html` required`}></div>`;

function addForm(c: AdminContext, typed: URLSearchParams): Html {
  const of = (name: string) => typed.get(name) ?? "";
  return html`<form class="panel narrow" method="post" action="servers">${tokenOf(c)}<h2>Add a server</h2>
${text("name", "Name", of("name"), "A city and a number as a rule: london1.", true)}
${text("city", "City", of("city"), "Where it stands.", true)}
${text("countryCode", "Country", of("countryCode"), "Two capital letters of ISO 3166-1, such as GB.", true)}
${text("addresses", "Public addresses", of("addresses"), "IPv4 and IPv6, with blanks between them.", true)}
${text("host", "Host", of("host"), "What members’ clients connect to. Empty: the first address.")}
${numberField({ name: "bandwidth", label: "Uplink, Mbit/s", value: of("bandwidth") || BANDWIDTH_MBIT, least: 1, most: BANDWIDTH_MOST })}
<button class="button">Make the line to paste</button></form>`;
}

const linePage = ({ server, line: pasted, expires }: Invited): Html =>
  html`<h1>${server.name}: the line to paste</h1>
<p>Paste it as root on the new server (Debian 12 or newer). It is good once, until ${timeOfDay(expires)}, and whoever has it can become ${server.name}. It is shown this once.</p>
<pre><code>${pasted}</code></pre>
<p><a href="server?name=${server.name}">Go to ${server.name}</a></p>`;

const DONE: Record<string, string> = {
  drain: "It takes no new logins. Who is online stays.",
  undrain: "It takes new logins again.",
  upgrade: "It was told to run this office’s version.",
  remove: "It is out of the fleet.",
  block: "Blocked.",
  unblock: "Not blocked any more.",
};

/** What was typed as a port, a range of ports or a network, in the control API's words; what it is not, that says. */
function blockedOf(typed: string): object | undefined {
  const ports = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(typed);
  if (ports === null) return { range: typed };
  const [from, to] = [Number(ports[1]), Number(ports[2] ?? ports[1])];
  return from >= 1 && from <= to && to <= 65_535 ? { ports: { from, to } } : undefined;
}

export function addServers(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const all = () => admin.ask<{ servers: ServerView[] }>("GET", "/servers");

  const list = async (
    c: AdminContext,
    said: { done?: string; error?: string } = {},
    typed = new URLSearchParams(),
  ) => {
    const asked = await all();
    const servers = asked.ok ? asked.value.servers : [];
    const body = html`<h1>Servers</h1>
${notice(said.done)}${problem(said.error ?? (asked.ok ? undefined : asked.error))}
${servers.length === 0 ? html`<p>There are no servers.</p>` : serverTable(servers)}
${addForm(c, typed)}`;
    return adminPage(admin, c, { title: "Servers", body, status: said.error === undefined ? 200 : 422 });
  };

  const one = async (
    c: AdminContext,
    name: string,
    said: { done?: string; error?: string; typedName?: string } = {},
  ) => {
    const asked = await all();
    const server = asked.ok ? asked.value.servers.find((each) => each.name === name) : undefined;
    if (server === undefined) return list(c, { error: "There is no server of that name." });
    const body = html`${notice(said.done)}${problem(said.error)}${serverPage(c, server, said.typedName)}`;
    return adminPage(admin, c, { title: name, body, status: said.error === undefined ? 200 : 422 });
  };

  const invited = (c: AdminContext, invitation: Invited) =>
    adminPage(admin, c, { title: "The line to paste", body: linePage(invitation) });

  app.get("/servers", (c) => list(c));
  app.get("/server", (c) => one(c, c.req.query("name") ?? ""));

  app.post("/servers", async (c) => {
    const form = c.get("form");
    const bandwidthMbit = wholeNumber(form, "bandwidth", 1, BANDWIDTH_MOST);
    const made = await admin.ask<Invited>("POST", "/servers/add", {
      name: line(form, "name"),
      city: line(form, "city"),
      countryCode: line(form, "countryCode"),
      addresses: line(form, "addresses")
        .split(/[\s,]+/)
        .filter((each) => each !== ""),
      ...(line(form, "host") !== "" && { host: line(form, "host") }),
      bandwidthMbit: bandwidthMbit ?? 0,
    });
    return made.ok ? invited(c, made.value) : list(c, { error: made.error }, form);
  });

  app.post("/server", async (c) => {
    const form = c.get("form");
    const name = line(form, "name");
    const action = line(form, "action");
    if (!Object.hasOwn(DONE, action) && action !== "rotate" && action !== "rename")
      return one(c, name, { error: "There is no such action." });
    if ((action === "rotate" || action === "remove") && line(form, "sure") !== "yes")
      return one(c, name, { error: "Nothing was done: tick the box to say that you mean it." });
    if (action === "rotate") {
      const made = await admin.ask<Invited>("POST", "/servers/rotate", { name });
      return made.ok ? invited(c, made.value) : one(c, name, { error: made.error });
    }
    if (action === "rename") {
      const newName = line(form, "newName");
      const renamed = await admin.ask("POST", "/servers/rename", { name, newName });
      return renamed.ok
        ? one(c, newName, { done: `It was called ${name}, and is called ${newName} from now on.` })
        : one(c, name, { error: renamed.error, typedName: newName });
    }
    const what = action.endsWith("block") ? blockedOf(line(form, "what")) : {};
    if (what === undefined)
      return one(c, name, {
        error: "A port is a number from 1 to 65535; of a range the smaller one comes first.",
      });
    const [path, more] = action === "upgrade" ? ["release", { release: "newest" }] : [action, what];
    const done = await admin.ask("POST", `/servers/${path}`, { name, ...more });
    if (!done.ok) return one(c, name, { error: done.error });
    return action === "remove"
      ? list(c, { done: `${name}: ${DONE[action]}` })
      : one(c, name, { done: DONE[action]! });
  });
}
