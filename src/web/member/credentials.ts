import type { Context, Hono } from "hono";
import type { VpnCredentials } from "../../accounts/vpn-credentials.ts";
import { tokenField } from "../forms.ts";
import { forMembers } from "../gate.ts";
import { html } from "../html.ts";
import { sayIn } from "../languages/page-language.ts";
import { page } from "../layout.ts";
import type { Member, SiteEnv } from "../options.ts";
import { values } from "../values.ts";
import type { Web } from "../web.ts";

function credentialsPage(
  web: Web,
  c: Context<SiteEnv>,
  member: Member,
  credentials: VpnCredentials,
  renewed: boolean,
): Response {
  const say = sayIn(c);
  const body = html`${
    renewed &&
    html`<div class="notice" role="status"><p>${say`These are your new VPN credentials. The old ones have stopped working, and open connections that used them were ended: every device needs the new ones.`}</p></div>`
  }
<h1>${say`VPN username and password`}</h1>
<section class="panel">
${values(
  [
    { id: "vpn-username", name: say.text("VPN username"), value: credentials.username },
    { id: "vpn-password", name: say.text("VPN password"), value: credentials.password },
  ],
  say,
)}
<p>${say`Enter them in your VPN client, or as the proxy's username and password. They are for your own devices: whoever has them goes online as you, until you ask for new ones.`}</p>
<div class="actions"><a class="button" href="/member/connect">${say`Get connected`}</a> <a href="/member">${say`Hide them`}</a></div>
</section>
<section class="panel"><h2>${say`New VPN credentials`}</h2>
<p>${say`If somebody else may know them, or a device is lost. The old ones stop at once, on every device.`}</p>
<form method="post" action="/member/credentials/renew">${tokenField(member.session.formToken)}
<button class="button danger">${say`Make new VPN credentials`}</button></form></section>`;
  return page(web, c, {
    title: "VPN username and password",
    section: "member",
    tab: "overview",
    body,
    script: "enhance.js",
  });
}

/** Shown on request only: a POST, so that no address in the browser's history leads back to them. */
export function addCredentials(app: Hono<SiteEnv>, web: Web): void {
  app.get(
    "/member/credentials",
    forMembers(web, (c) => c.redirect("/member", 303)),
  );

  app.post(
    "/member/credentials",
    forMembers(web, async (c, member) =>
      credentialsPage(web, c, member, await web.accounts.vpnCredentials(member.account.id), false),
    ),
  );

  app.get(
    "/member/credentials/renew",
    forMembers(web, (c) => c.redirect("/member", 303)),
  );

  app.post(
    "/member/credentials/renew",
    forMembers(web, async (c, member) => {
      const renewed = await web.accounts.renewVpnCredentials(member.account.id);
      if (!renewed.ok) return c.redirect("/account-gone", 303);
      return credentialsPage(web, c, member, renewed.value, true);
    }),
  );
}
