import type { Context, Hono } from "hono";
import type { Device } from "../../accounts/devices.ts";
import type { ServerStatus } from "../../fleet/server-status.ts";
import { deviceAddresses } from "../../lib/device-addresses.ts";
import { countryName } from "../../lib/locale.ts";
import type { ProfileFile } from "../../profiles/kinds.ts";
import { field, formError, tokenField } from "../forms.ts";
import { forMembers } from "../gate.ts";
import { forScript, type Html, html } from "../html.ts";
import { type Say, sentence } from "../languages/language.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { Member, SiteEnv } from "../options.ts";
import { levelsOf, profileQuery } from "../profile-files.ts";
import type { Web } from "../web.ts";
import { WORDING } from "../wording.ts";
import { deviceFile, type FileWishes, hasWireguard, newKeyPair } from "./device-files.ts";
import { doneNotice } from "./done.ts";

/** More make a list that nobody reads; those with the lowest load then. */
const OPTIONS_MOST = 200;

type Problem = keyof typeof WORDING;

/** What the form had in it when it was not taken. */
interface Failed {
  problem: Problem;
  name: string;
  publicKey: string;
}

interface Shown {
  levels: ReturnType<typeof levelsOf>;
  devices: readonly Device[];
  servers: readonly ServerStatus[];
  wishes: FileWishes & { server?: string | undefined };
}

async function wireguardServers(web: Web): Promise<ServerStatus[]> {
  const all = (await web.status.list()).filter((server) => hasWireguard(web, server));
  if (all.length <= OPTIONS_MOST) return all;
  return all.toSorted((a, b) => a.loadPercent - b.loadPercent).slice(0, OPTIONS_MOST);
}

const select = (
  id: string,
  name: string,
  label: string,
  chosen: string | undefined,
  options: readonly (readonly [value: string, text: string])[],
): Html =>
  html`<div class="field"><label for="${id}-${name}">${label}</label><select id="${id}-${name}" name="${name}">${options.map(
    ([value, text]) => html`<option value="${value}"${value === chosen && html` selected`}>${text}</option>`,
  )}</select></div>`;

/** Which server, and how: the fields that every form for a file has. */
function wishFields(say: Say, id: string, { levels, servers, wishes }: Shown): Html {
  const options = servers.map(
    (each) => [each.server, `${each.city}, ${countryName(say, each)} (${each.server})`] as const,
  );
  return html`${select(id, "server", say.text("Server"), wishes.server, options)}
${select(id, "system", say.text("For"), wishes.system === "linux" ? "linux" : "", [
  ["", say.text("a WireGuard app, NetworkManager, a router")],
  ["linux", say.text("wg-quick on Linux, with a kill switch")],
])}
${
  levels.length > 1 &&
  select(
    id,
    "level",
    say.text("Names to block"),
    wishes.level,
    levels.map(({ level, text }) => [level, text] as const),
  )
}
${options.length > 1 && select(id, "via", say.text("First through"), wishes.via ?? "", [["", say.text("no other server")], ...options])}`;
}

/** Filled in by the script. */
const fileTemplate = (say: Say): Html =>
  html`<template id="device-file" data-download="${say.text("Download {0}", "{0}")}" data-code="${say.text("QR code of the file, for a phone’s WireGuard app")}" data-no-answer="${say.text("The site does not answer, or you are no longer logged in. Load the page again.")}" data-failed="${say.text("That did not work. Load the page again.")}" data-other-key="${say.text("That file is not this device’s: its private key does not fit.")}">${forScript(html`<h3 tabindex="-1">${say`Your file is ready`}</h3>
<p data-with-key>${say`It has the device's private key in it, which was made in this browser and sent to nobody. Nobody can show it again: download it, or scan the code, now.`}</p>
<p data-without-key>${say`The private key is not in it, since the site does not have it: put it in the place of the line that says so.`}</p>
<p><a class="button" href="/member/devices">${say`Download`}</a></p>
<figure hidden><figcaption class="muted">${say`In the WireGuard app choose Add, then Create from QR code.`}</figcaption></figure>
<details><summary>${say`Show the file`}</summary><pre tabindex="0"><code></code></pre></details>`)}</template>`;

function addPanel(say: Say, member: Member, shown: Shown, most: number, failed: Failed | undefined): Html {
  if (shown.servers.length === 0)
    return html`<section class="panel"><p>${say`No server offers WireGuard at the moment.`}</p></section>`;
  if (shown.devices.length >= most)
    return html`<section class="panel"><h2>${say`Add a device`}</h2><p>${say.text(WORDING["too-many-devices"])}</p></section>`;
  const keyError = failed?.problem.startsWith("key-") ? WORDING[failed.problem] : undefined;
  return html`<section class="panel"><h2>${say`Add a device`}</h2>
<p>${say`Each device has a key pair of its own. The private key is made in your browser and stands in the file alone; only the public key is stored here.`}</p>
<form id="add-device" method="post" action="/member/devices">${tokenField(member.session.formToken)}
${field(
  {
    name: "name",
    label: "Name",
    autocomplete: "off",
    maxLength: 40,
    value: failed?.name ?? "",
    hint: "For your own list, such as laptop. It is stored.",
    error: failed?.problem === "device-name-invalid" ? WORDING[failed.problem] : undefined,
  },
  say,
)}
${wishFields(say, "add", shown)}
<noscript><p>${say`Your browser runs no script here, so the keys can be made by the site instead: the file is sent to you once, over this connection, and its private key is not kept.`}</p>
<p><button class="button" name="keys" value="site">${say`Make the keys and send me the file`}</button></p></noscript>
<p><button class="button" data-make-keys hidden>${say`Make the keys in this browser`}</button></p>
<details${failed !== undefined && failed.publicKey !== "" && html` open`}><summary>${say`I have a key pair already`}</summary>
${field(
  {
    name: "public-key",
    label: "Its public key",
    autocomplete: "off",
    value: failed?.publicKey ?? "",
    hint: "As wg pubkey prints it. Your file then has a line where the private key belongs.",
    error: keyError,
  },
  say,
)}
<p><button class="button quiet" name="keys" value="own">${say`Add this key`}</button></p></details></form>
<div id="added-device" class="result" hidden></div></section>`;
}

function devicePanel(say: Say, member: Member, device: Device, shown: Shown): Html {
  const { v4, v6 } = deviceAddresses(device.index);
  const token = tokenField(member.session.formToken);
  const title = device.name ?? say.text("Device {0}", `${device.publicKey.slice(0, 8)}…`);
  return html`<section class="panel" id="device-${device.id}"><h2>${title}</h2>
<dl class="values"><div><dt>${say`Public key`}</dt><dd><code>${device.publicKey}</code></dd></div>
<div><dt>${say`Address in the tunnel`}</dt><dd><code>${v4}</code> <code>${v6}</code></dd></div>
<div><dt>${say`Enabled on`}</dt><dd>${device.servers.length === 0 ? say`no server yet` : device.servers.join(", ")}</dd></div></dl>
${
  shown.servers.length > 0 &&
  html`<details><summary>${say`A file for a server`}</summary>
<form method="post" action="/member/devices/${device.id}/file" data-profile="${device.publicKey}">${token}
${wishFields(say, `d-${device.id}`, shown)}
<div class="field" hidden><label for="former-${device.id}">${say`A file that this device has`} <span class="muted">${say`(optional)`}</span></label>
<p class="hint" id="former-${device.id}-hint">${say`Its private key is put into the new file, here in your browser. Nothing of it is sent.`}</p>
<input type="file" id="former-${device.id}" aria-describedby="former-${device.id}-hint"></div>
<p><button class="button">${say`Get the file`}</button></p></form>
<div data-place class="result" hidden></div></details>`
}
<form method="post" action="/member/devices/${device.id}/remove">${token}<p><button class="button quiet" aria-label="${say.text("Remove {0}", title)}">${say`Remove`}</button></p></form></section>`;
}

async function devicesPage(
  web: Web,
  c: Context<SiteEnv>,
  member: Member,
  failed?: Failed,
): Promise<Response> {
  const say = sayIn(c);
  const wishes = { ...wishesOf(new URLSearchParams(c.req.query())), server: c.req.query("server") };
  const shown: Shown = {
    levels: levelsOf(web, say),
    devices: await web.devices.list(member.account.id),
    servers: await wireguardServers(web),
    wishes: failed === undefined ? wishes : { ...wishesOf(c.get("form")), server: wanted(c.get("form")) },
  };
  const { devices } = shown;
  const body = html`${doneNotice(say, c.req.query("done"))}
<p><a href="/member/connect">${say`Get connected`}</a></p>
<h1>${say`WireGuard devices`}</h1>
${formError(failed && say.text(WORDING[failed.problem]))}
<p class="lead">${say`WireGuard knows a device by its key, not by a password. Add each of your devices once; you may have ${web.devices.most}.`}</p>
${addPanel(say, member, shown, web.devices.most, failed)}
<div id="devices">${devices.map((device) => devicePanel(say, member, device, shown))}</div>
<p class="muted">${say`Stored of a device: its public key, a number for its addresses, the name if you give one, and the servers that you got a file for. Not when it was used, nor whether.`}</p>
${fileTemplate(say)}`;
  return page(web, c, {
    title: failed === undefined ? sentence("WireGuard devices") : sentence("Error: WireGuard devices"),
    section: "member",
    tab: "connect",
    body,
    script: "devices.js",
    status: failed === undefined ? 200 : 422,
  });
}

const wanted = (fields: URLSearchParams): string => fields.get("server") ?? "";

/** What of a form's or an address's fields makes sense. */
function wishesOf(fields: URLSearchParams): FileWishes {
  const given = (name: string) => fields.get(name) || undefined;
  const read = profileQuery.safeParse({
    system: given("system"),
    level: given("level"),
    via: given("via"),
  });
  return read.success ? read.data : {};
}

export function addDevices(app: Hono<SiteEnv>, web: Web): void {
  app.get(
    "/member/devices",
    forMembers(web, (c, member) => devicesPage(web, c, member)),
  );
  for (const verb of ["file", "remove"])
    app.get(
      `/member/devices/:id/${verb}`,
      forMembers(web, (c) => c.redirect("/member/devices", 303)),
    );

  app.post(
    "/member/devices",
    forMembers(web, async (c, member) => {
      const form = c.get("form");
      const [name, given] = [form.get("name") ?? "", (form.get("public-key") ?? "").trim()];
      const refuse = (problem: Problem) =>
        asksForJson(c)
          ? c.json({ error: { code: problem, message: sayIn(c).text(WORDING[problem]) } }, 422)
          : devicesPage(web, c, member, { problem, name, publicKey: given });
      // Only where the member said so: a browser whose script failed must not get keys from here unasked.
      if (given === "" && form.get("keys") !== "site") return refuse("key-missing");
      const pair = given === "" ? newKeyPair() : { publicKey: given, privateKey: undefined };
      const server = wanted(form);
      const wishes = wishesOf(form);
      // Before anything is stored: a file for this server can be made.
      if (deviceFile(web, server, { index: 1 }, wishes) === undefined) return refuse("no-device-file");
      const added = await web.devices.add(member.account.id, { publicKey: pair.publicKey, name });
      if (!added.ok) return refuse(added.error);
      const enabled = await web.devices.enable(member.account.id, added.value.id, server);
      if (!enabled.ok) return refuse(enabled.error);
      return answer(c, web, server, enabled.value, pair.privateKey, wishes) ?? refuse("no-device-file");
    }),
  );

  app.post(
    "/member/devices/:id/file",
    forMembers(web, async (c, member) => {
      const form = c.get("form");
      const [server, wishes] = [wanted(form), wishesOf(form)];
      const refuse = (problem: Problem) =>
        asksForJson(c)
          ? c.json({ error: { code: problem, message: sayIn(c).text(WORDING[problem]) } }, 422)
          : devicesPage(web, c, member, { problem, name: "", publicKey: "" });
      if (deviceFile(web, server, { index: 1 }, wishes) === undefined) return refuse("no-device-file");
      const enabled = await web.devices.enable(member.account.id, c.req.param("id") ?? "", server);
      if (!enabled.ok) return refuse(enabled.error);
      return answer(c, web, server, enabled.value, undefined, wishes) ?? refuse("no-device-file");
    }),
  );

  app.post(
    "/member/devices/:id/remove",
    forMembers(web, async (c, member) => {
      // A second click meets a device that is gone already: the member has what was wanted.
      await web.devices.remove(member.account.id, c.req.param("id") ?? "");
      return c.redirect("/member/devices?done=device-removed", 303);
    }),
  );
}

const asksForJson = (c: Context<SiteEnv>): boolean => c.req.header("accept") === "application/json";

/** The file: as a download, or for the script with the plain file beside it, which is small enough for a QR code. */
function answer(
  c: Context<SiteEnv>,
  web: Web,
  server: string,
  { index }: Device,
  privateKey: string | undefined,
  wishes: FileWishes,
): Response | undefined {
  const device = { index, ...(privateKey !== undefined && { privateKey }) };
  const file = deviceFile(web, server, device, wishes);
  if (file === undefined) return undefined;
  if (!asksForJson(c)) return download(c, file);
  const code = wishes.system === "linux" ? undefined : file.content;
  return c.json({ file: { name: file.name, content: file.content, code } });
}

const download = (c: Context<SiteEnv>, { name, type, content }: ProfileFile): Response =>
  c.body(content, 200, {
    "content-type": type,
    "content-disposition": `attachment; filename="${name}"`,
    "cache-control": "no-store",
  });
