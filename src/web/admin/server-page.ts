import type { ServerView } from "../control/servers.ts";
import { dayAndTime } from "../dates.ts";
import { type Html, html } from "../html.ts";
import { serviceName } from "../service-names.ts";
import { sureBox } from "./fields.ts";
import { buttonForm, tokenOf } from "./layout.ts";
import type { AdminContext } from "./options.ts";
import { serverState } from "./server-words.ts";

export const stateBadge = (server: ServerView): Html => {
  const { words, look } = serverState(server);
  return html`<span class="badge ${look}">${words}</span>`;
};

const portsText = ({ from, to }: { from: number; to: number }): string =>
  from === to ? `${from}` : `${from}-${to}`;

/** What members do not reach through it, after a complaint for instance. */
function blockedPanel(c: AdminContext, { name, blocked }: ServerView): Html {
  const entries = [
    ...blocked.ports.map((ports) => ({ label: `port ${portsText(ports)}`, what: portsText(ports) })),
    ...blocked.ranges.map((range) => ({ label: range, what: range })),
  ];
  return html`<section class="panel narrow"><h3>Blocked through ${name}</h3>
${
  entries.length === 0
    ? html`<p>Nothing but what lethe.toml blocks on every server.</p>`
    : html`<ul class="rows">${entries.map(
        ({ label, what }) =>
          html`<li>${label} ${buttonForm(c, {
            action: "server",
            label: "Take back",
            about: label,
            fields: { name, action: "unblock", what },
          })}</li>`,
      )}</ul>`
}
<form method="post" action="server">${tokenOf(c)}<input type="hidden" name="name" value="${name}"><input type="hidden" name="action" value="block">
<div class="field"><label for="what">Block a port or a network</label><p class="hint" id="what-hint">As 6667, 6660-6669 or 203.0.113.0/24.</p>
<input id="what" name="what" required autocomplete="off" aria-describedby="what-hint"></div><button class="button small">Block</button></form></section>`;
}

/** All that is known of a server, and what can be done with it. `typedName`: a new name that was refused. */
export function serverPage(c: AdminContext, server: ServerView, typedName = ""): Html {
  const { name } = server;
  const act = (action: string, label: string, look: "quiet" | "danger" = "quiet") =>
    buttonForm(c, { action: "server", label, fields: { name, action }, look });
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
<ul class="services">${server.services.map(({ service, healthy }) =>
    server.news === "up"
      ? html`<li${!healthy && html` class="down"`}>${serviceName(service)}: ${healthy ? "works" : "does not work"}</li>`
      : html`<li>${serviceName(service)}: not known</li>`,
  )}</ul>
<h2>What can be done</h2>
<div class="actions">${server.draining ? act("undrain", "Take new logins again") : act("drain", "Drain: no new logins, who is online stays")}
${!server.local && server.state === "enrolled" && act("upgrade", "Have it run this office’s version")}</div>
${blockedPanel(c, server)}
${
  !server.local &&
  html`<form class="panel narrow" method="post" action="server"><h3>Rename</h3>${tokenOf(c)}
<input type="hidden" name="name" value="${name}"><input type="hidden" name="action" value="rename">
<p>Another name on the status page and in new files. Key, certificate and the files that members have stay as they are.</p>
<div class="field"><label for="new-name">New name</label><p class="hint" id="new-name-hint">A city and a number as a rule: leeds1. Its group follows the name.</p>
<input id="new-name" name="newName" required autocomplete="off" autocapitalize="none" spellcheck="false" value="${typedName}" aria-describedby="new-name-hint"></div><button class="button small">Rename</button></form>
<form class="panel narrow" method="post" action="server"><h3>Rotate</h3>${tokenOf(c)}
<input type="hidden" name="name" value="${name}"><input type="hidden" name="action" value="rotate">
<p>After a seizure, or when the line was not pasted in time: its key is forgotten, and there is a new line to paste.</p>
${sureBox("sure-rotate", "The server is cut off until the new line is pasted.")}<button class="button danger">Rotate</button></form>`
}
${
  !(server.local && server.news === "up") &&
  html`<form class="panel narrow" method="post" action="server"><h3>Remove</h3>${tokenOf(c)}
<input type="hidden" name="name" value="${name}"><input type="hidden" name="action" value="remove">
<p>Its key is worth nothing at once, and its traffic figures go. Its exit goes on for at most 72 hours unless it is switched off.</p>
${sureBox("sure-remove", "It comes back only as a new server.")}<button class="button danger">Remove</button></form>`
}`;
}
