import type { Hono } from "hono";
import type { ServerView } from "../control-servers.ts";
import { dayAndTime, timeOfDay } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { cells, line, numberField, sureBox, table, wholeNumber } from "./fields.ts";
import { adminPage, buttonForm, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";
import { serverState } from "./server-words.ts";

interface Invited {
  server: ServerView;
  line: string;
  expires: number;
}

const BANDWIDTH_MBIT = 1000;
const BANDWIDTH_MOST = 1_000_000;

const stateBadge = (server: ServerView): Html => {
  const { words, look } = serverState(server);
  return html`<span class="badge ${look}">${words}</span>`;
};

function serverTable(servers: readonly ServerView[]): Html {
  const labels = ["Server", "Place", "Host", "Load", "Version", "State"];
  return table(
    "The fleet",
    labels,
    servers.map((server) =>
      cells(labels, [
        html`<a href="server?name=${server.name}">${server.name}</a>`,
        `${server.city}, ${server.countryCode}`,
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

function serverPage(c: AdminContext, server: ServerView): Html {
  const { name } = server;
  const act = (action: string, label: string, look = "quiet") =>
    buttonForm(c, "server", label, { name, action }, look);
  return html`<h1>${name}</h1>
<p>${stateBadge(server)}</p>
<dl class="values">
<div><dt>Place</dt><dd>${server.city}, ${server.country}</dd></div>
<div><dt>Host</dt><dd>${server.host}</dd></div>
<div><dt>Addresses</dt><dd>${server.addresses.join(", ")}</dd></div>
<div><dt>Uplink</dt><dd>${server.bandwidthMbit} Mbit/s</dd></div>
<div><dt>Load</dt><dd>${server.news === "up" ? `${server.loadPercent} %` : "not known"}</dd></div>
<div><dt>Groups</dt><dd>${server.groups.join(", ")}</dd></div>
<div><dt>Version</dt><dd>${server.local ? "this office’s own" : server.release || "not known"}${server.targetRelease !== "" && server.targetRelease !== server.release && ` (is to run ${server.targetRelease})`}</dd></div>
<div><dt>Last test</dt><dd>${server.testedMinute === 0 ? "not known" : dayAndTime(server.testedMinute * 60)}</dd></div>
</dl>
<h2>Services</h2>
<ul class="services">${server.services.map(({ service, healthy }) => html`<li${!healthy && html` class="down"`}>${service}: ${healthy ? "works" : "does not work"}</li>`)}</ul>
<h2>What can be done</h2>
<div class="actions">${server.draining ? act("undrain", "Take new logins again") : act("drain", "Drain: no new logins, who is online stays")}
${!server.local && server.state === "enrolled" && act("upgrade", "Have it run this office’s version")}</div>
${
  !server.local &&
  html`<form class="panel narrow" method="post" action="server"><h3>Rotate</h3>${tokenOf(c)}
<input type="hidden" name="name" value="${name}"><input type="hidden" name="action" value="rotate">
<p>After a seizure, or when the line was not pasted in time: its key is forgotten, and there is a new line to paste.</p>
${sureBox("sure-rotate", "The server is cut off until the new line is pasted.")}<button class="button danger">Rotate</button></form>`
}
<form class="panel narrow" method="post" action="server"><h3>Remove</h3>${tokenOf(c)}
<input type="hidden" name="name" value="${name}"><input type="hidden" name="action" value="remove">
<p>Its key is worth nothing at once, and its traffic figures go. Its exit goes on for at most 72 hours unless it is switched off.</p>
${sureBox("sure-remove", "It comes back only as a new server.")}<button class="button danger">Remove</button></form>`;
}

const DONE: Record<string, string> = {
  drain: "It takes no new logins. Who is online stays.",
  undrain: "It takes new logins again.",
  upgrade: "It was told to run this office’s version.",
  remove: "It is out of the fleet.",
};

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

  const one = async (c: AdminContext, name: string, said: { done?: string; error?: string } = {}) => {
    const asked = await all();
    const server = asked.ok ? asked.value.servers.find((each) => each.name === name) : undefined;
    if (server === undefined) return list(c, { error: "There is no server of that name." });
    const body = html`${notice(said.done)}${problem(said.error)}${serverPage(c, server)}`;
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
    if (DONE[action] === undefined && action !== "rotate")
      return one(c, name, { error: "There is no such action." });
    if ((action === "rotate" || action === "remove") && line(form, "sure") !== "yes")
      return one(c, name, { error: "Nothing was done: tick the box to say that you mean it." });
    if (action === "rotate") {
      const made = await admin.ask<Invited>("POST", "/servers/rotate", { name });
      return made.ok ? invited(c, made.value) : one(c, name, { error: made.error });
    }
    const done =
      action === "upgrade"
        ? await admin.ask("POST", "/servers/release", { name, release: "newest" })
        : await admin.ask("POST", `/servers/${action}`, { name });
    if (!done.ok) return one(c, name, { error: done.error });
    return action === "remove"
      ? list(c, { done: `${name}: ${DONE[action]}` })
      : one(c, name, { done: DONE[action]! });
  });
}
