import type { Hono } from "hono";
import { bestServer } from "../../fleet/recommend.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { type DnsLevel, resolverOf } from "../../lib/dns-levels.ts";
import { countryName } from "../../lib/locale.ts";
import { type ProfileOptions, SYSTEMS, type System } from "../../profiles/kinds.ts";
import { PROXY_WARNING } from "../../profiles/proxy.ts";
import { sshAlias } from "../../profiles/ssh.ts";
import { tokenField } from "../forms.ts";
import { forMembers } from "../gate.ts";
import { GUIDES, type Guide, SYSTEM_NAMES, SYSTEM_NOTES } from "../guides.ts";
import { type Html, html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { SiteEnv } from "../options.ts";
import { COMMON_KINDS, download, levelsOf, profileQuery } from "../profile-files.ts";
import { LEAST_LOADED } from "../site/proxy-config.ts";
import { matching, parseQuery } from "../site/server-query.ts";
import { values } from "../values.ts";
import type { Web } from "../web.ts";
import { picture } from "./pictures.ts";
import { coversBadge } from "./ways.ts";

/** A system's page: each way to get online with it in three steps, for the server that is chosen. */

/** More of them make a list that is heavy and long; the others are found on the page before. */
const OPTIONS_MOST = 200;
const SERVICES_OF_HOPS = ["wireguard", "openvpn"];

interface Choice {
  system: System;
  server: ServerStatus;
  level: DnsLevel;
  via: ServerStatus | undefined;
}

/** The same wishes on the page of the devices, whose forms know wg-quick on Linux and everything else. */
function devicesQuery({ system, server, level, via }: Choice): string {
  const fields = new URLSearchParams({ server: server.server });
  if (system === "linux") fields.set("system", system);
  if (level !== "none") fields.set("level", level);
  if (via !== undefined) fields.set("via", via.server);
  return fields.toString();
}

function queryOf({ system, level, via }: Choice): string {
  const fields = new URLSearchParams({ system });
  if (level !== "none") fields.set("level", level);
  if (via !== undefined) fields.set("via", via.server);
  return `?${fields}`;
}

const offers = (server: ServerStatus, service: string): boolean =>
  server.services.some((each) => each.service === service);

interface Option {
  value: string;
  text: string;
}

const select = (name: string, label: string, chosen: string, options: readonly Option[]): Html =>
  html`<div class="field"><label for="c-${name}">${label}</label><select id="c-${name}" name="${name}">${options.map(
    ({ value, text }) =>
      html`<option value="${value}"${value === chosen && html` selected`}>${text}</option>`,
  )}</select></div>`;

function choices(
  say: Say,
  web: Web,
  { system, server, level, via }: Choice,
  all: readonly ServerStatus[],
): Html {
  const levels = levelsOf(web, say);
  const ordered = matching(all, parseQuery({}));
  const shown = ordered.length <= OPTIONS_MOST ? ordered : matching(all, parseQuery({ sort: "load" }));
  const listed = (chosen: ServerStatus | undefined) => [
    ...(chosen === undefined || shown.slice(0, OPTIONS_MOST).includes(chosen) ? [] : [chosen]),
    ...shown.slice(0, OPTIONS_MOST),
  ];
  const option = (each: ServerStatus) => ({
    value: each.server,
    text: `${each.city}, ${countryName(say, each)} (${each.server})`,
  });
  const first = listed(via).filter((each) => each !== server);
  return html`<form class="filter wide-fields panel" method="get" action="/member/connect/${system}" aria-label="${say.text("What the files are for")}">
${select("server", say.text("Server"), server.server, listed(server).map(option))}
${
  levels.length > 1 &&
  select(
    "level",
    say.text("Names to block"),
    level,
    levels.map(({ level: value, text }) => ({ value, text })),
  )
}
${first.length > 0 && select("via", say.text("First through"), via?.server ?? "", [{ value: "", text: say.text("no other server") }, ...first.map(option)])}
<p class="actions"><button class="button">${say`Show`}</button></p>
${
  all.length > OPTIONS_MOST &&
  html`<p class="muted small wide">${say`The ${OPTIONS_MOST} least loaded of ${all.length}. <a href="/member/connect">Look for another one.</a>`}</p>`
}
</form>`;
}

/** The step's text in the page's language, with the file's name in it, and what is to be typed set apart. */
function stepText(say: Say, text: string, words: Record<string, string>): Html {
  const filled = say.text(text).replaceAll(/\{([a-z]+)\}/g, (whole, word: string) => words[word] ?? whole);
  return html`${filled.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`;
}

function guidePanel(say: Say, guide: Guide, words: Record<string, string>, action: Html): Html {
  return html`<section class="panel guide"><h2>${say.text(guide.title)} ${coversBadge(say, guide.covers)}</h2>
${guide.client !== undefined && html`<p class="muted">${say`With ${stepText(say, guide.client, words)}.`}</p>`}
<ol class="steps">${guide.steps.map(
    ([drawing, text]) => html`<li>${picture(drawing)}<p>${stepText(say, text, words)}</p></li>`,
  )}</ol>
${action}
${words.resolver !== undefined && guide.levelNote !== undefined && html`<p>${stepText(say, guide.levelNote, words)}</p>`}
${guide.note !== undefined && guide.covers !== "relay" && html`<p class="muted small">${stepText(say, guide.note, words)}</p>`}</section>`;
}

function proxyAction(
  say: Say,
  { server }: Choice,
  origin: string,
  encrypted: boolean,
  several: boolean,
): Html {
  const port = (service: string) => server.services.find((each) => each.service === service)?.ports[0]?.port;
  const row = (service: string, name: string) => {
    const value = port(service);
    return value === undefined ? [] : [{ id: `p-${service}`, name: say.text(name), value, copy: false }];
  };
  // The file leads to the encrypted proxy where there is one, unless it is asked for another one.
  const plain = encrypted || port("https") === undefined ? "" : "?plain";
  const id = encrypted ? "tls" : "plain";
  return html`${!encrypted && html`<div class="notice warn"><p>${say.text(PROXY_WARNING)}</p></div>`}
${values(
  [
    {
      id: `${id}-pac`,
      name: say.text("Automatic (PAC)"),
      value: `${origin}/proxy/${server.server}.pac${plain}`,
    },
    ...(several
      ? [
          {
            id: `${id}-least`,
            name: say.text(LEAST_LOADED.name),
            value: `${origin}${LEAST_LOADED.path}${encrypted ? "" : "?plain"}`,
          },
        ]
      : []),
    { id: `${id}-host`, name: say.text("Server"), value: server.host },
    ...(encrypted
      ? [
          ...row("https", sentence("HTTPS proxy port")),
          ...row("socks5-tls", sentence("SOCKS5 over TLS, port")),
        ]
      : [...row("http", sentence("HTTP proxy port")), ...row("socks5", sentence("SOCKS5 port"))]),
  ],
  say,
)}`;
}

function guideOf(
  say: Say,
  web: Web,
  guide: Guide,
  choice: Choice,
  { origin, several }: { origin: string; several: boolean },
): Html | undefined {
  const { system, server, level, via } = choice;
  const { kind, service } = guide;
  if (kind !== undefined && kind !== "wireguard") {
    const options: ProfileOptions = { system, level, via: via?.server };
    const files = web.profiles(kind, [server.server], options);
    const [first] = files;
    if (first === undefined) return undefined;
    const address = `/member/profiles/${kind}/${server.server}${queryOf(choice)}`;
    const label = files.length === 1 ? first.name : say.text("the files (zip)");
    // The last one: stunnel's own file ends as Linux's profiles do. And the first one: the kill switch is a script as well.
    const profile = files.findLast(({ name }) => /\.(?:ovpn|conf)$/.test(name)) ?? first;
    const script = files.find(({ name }) => /\.(?:sh|ps1)$/.test(name)) ?? first;
    const words = {
      file: first.name,
      profile: profile.name,
      script: script.name,
      server: server.server,
      alias: sshAlias(server.server),
      name: first.name.slice(0, first.name.lastIndexOf(".")),
      ...(level !== "none" && { resolver: resolverOf(level).v4 }),
    };
    return guidePanel(
      say,
      guide,
      words,
      html`<p><a class="button" href="${address}" download>${say`Download ${label}`}</a></p>`,
    );
  }
  if (!offers(server, service) || (via !== undefined && !SERVICES_OF_HOPS.includes(service)))
    return undefined;
  return guidePanel(
    say,
    guide,
    { below: say.text("as below") },
    service === "wireguard"
      ? html`<p><a class="button" href="/member/devices?${devicesQuery(choice)}">${say`Devices`}</a></p>`
      : proxyAction(say, choice, origin, service === "https", several),
  );
}

export function addSystem(app: Hono<SiteEnv>, web: Web): void {
  app.get(
    "/member/connect/:system{[a-z]+}",
    forMembers(web, async (c, member) => {
      const system = SYSTEMS.find((each) => each === c.req.param("system"));
      if (system === undefined) return c.notFound();
      const say = sayIn(c);
      const all = await web.status.list();
      const asked = (key: string) => all.find(({ server }) => server === c.req.query(key));
      const server = asked("server") ?? bestServer(all) ?? all[0];
      const level = levelsOf(web).find((each) => each.level === c.req.query("level"))?.level ?? "none";
      const via = asked("via");
      const choice = server && { system, server, level, via: via === server ? undefined : via };
      const unknown = ["server", "via"].filter((key) => c.req.query(key) && asked(key) === undefined);
      const note = SYSTEM_NOTES[system];
      const origin = web.publicUrl ?? new URL(c.req.url).origin;
      const ways =
        choice === undefined
          ? []
          : GUIDES[system].flatMap(
              (guide) => guideOf(say, web, guide, choice, { origin, several: all.length > 1 }) ?? [],
            );
      const zip = `/downloads/all/get?system=${system}&level=${level}`;
      const title = say.text("Get connected: {0}", say.text(SYSTEM_NAMES[system]));
      const body = html`<p><a href="/member/connect">${say`All systems and servers`}</a></p>
<h1>${title}</h1>
<p class="lead">${say`Each of these ways works alone; the first is the one to try first. Your VPN username and password are the same for all but WireGuard, which has a key of each device.`}</p>
<form method="post" action="/member/credentials">${tokenField(member.session.formToken)}<p><button class="button quiet">${say`Show my VPN username and password`}</button></p></form>
${choice !== undefined && unknown.length > 0 && html`<div class="notice warn"><p>${say`There is no server of the name that was asked for.`} ${unknown.includes("server") ? say`What follows is for ${choice.server.server}.` : say`What follows goes through one server alone.`}</p></div>`}
${choice === undefined ? html`<div class="panel"><p>${say`There is no server yet.`}</p></div>` : choices(say, web, choice, all)}
${choice?.via !== undefined && html`<div class="notice"><p>${say`Two hops: ${choice.via.server} sees your address and none of your destinations, ${choice.server.server} your destinations and not your address. WireGuard and OpenVPN can do it.`}</p></div>`}
${ways}
${choice !== undefined && ways.length === 0 && html`<div class="panel"><p>${choice.via === undefined ? say`This server offers nothing for this system.` : say`This server offers nothing for this system by way of another one.`} ${all.length > 1 && say`Choose another server.`}</p></div>`}
${ways.length > 0 && note !== undefined && note.of.some((service) => offers(choice!.server, service)) && html`<p class="muted">${say.text(note.text)}</p>`}
${ways.length > 0 && html`<p><a href="${zip}" download>${say`All files for ${say.text(SYSTEM_NAMES[system])}, of all servers (zip)`}</a></p>`}`;
      return page(web, c, {
        title,
        section: "member",
        tab: "connect",
        body,
        script: "enhance.js",
      });
    }),
  );

  app.get(
    "/member/profiles/:kind{[a-z0-9-]+}/:server{[a-z0-9-]+}",
    forMembers(web, async (c, member) => {
      const query = profileQuery.safeParse(c.req.query());
      const kind = COMMON_KINDS.find((each) => each === c.req.param("kind"));
      if (!query.success || kind === undefined) return c.notFound();
      const { username } = kind === "ssh" ? await web.accounts.vpnCredentials(member.account.id) : {};
      const made = download(web, kind, c.req.param("server") ?? "", { ...query.data, username });
      if (made === undefined) return c.notFound();
      return c.body(new Uint8Array(made.body), 200, {
        "content-type": made.type,
        "content-disposition": `attachment; filename="${made.name}"`,
      });
    }),
  );
}
