import type { ContentfulStatusCode } from "hono/utils/http-status";
import { assetUrl } from "../assets.ts";
import { type Html, html } from "../html.ts";
import { type AdminFile, adminFileUrl } from "./assets.ts";
import type { AdminContext, AdminOptions } from "./options.ts";

export interface AdminPage {
  title: string;
  body: Html;
  status?: ContentfulStatusCode;
  script?: AdminFile;
}

/** The pages, as they stand below `base`. Links between them are relative: what leads elsewhere has a slash. */
const PAGES = [
  ["overview", "Overview"],
  ["servers", "Servers"],
  ["accounts", "Accounts"],
  ["vouchers", "Vouchers"],
  ["cash", "Cash"],
  ["refunds", "Refunds"],
  ["tickets", "Tickets"],
  ["announcements", "Announcements"],
  ["blocklists", "Blocklists"],
  ["switches", "Switches"],
] as const;

/** Answers with a page for whoever is in. */
export function adminPage(admin: AdminOptions, c: AdminContext, content: AdminPage): Response {
  const at = c.req.path.slice(admin.base.length + 1).split("/")[0];
  const links = PAGES.map(
    ([path, text]) =>
      html`<li><a href="${path}"${at?.startsWith(path.replace(/s$/, "")) && html` aria-current="page"`}>${text}</a></li>`,
  );
  const top = html`<nav aria-label="Administration"><ul>
${links}
<li><form method="post" action="leave">${tokenOf(c)}<button>Leave</button></form></li>
</ul></nav>`;
  return c.html(documentOf(admin, content, top), content.status ?? 200);
}

/** Answers with a page for whoever is not in. */
export const closedPage = (admin: AdminOptions, c: AdminContext, content: AdminPage): Response =>
  c.html(documentOf(admin, content, html``), content.status ?? 200);

/** The hidden field of every form. */
export const tokenOf = (c: AdminContext): Html =>
  html`<input type="hidden" name="token" value="${c.get("visit").formToken}">`;

const documentOf = (
  { siteName, demo }: AdminOptions,
  { title, body, script }: AdminPage,
  navigation: Html,
): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} – administration of ${siteName}</title>
<link rel="stylesheet" href="${assetUrl("site.css")}">
<link rel="stylesheet" href="${adminFileUrl("admin.css")}">
<link rel="icon" href="${assetUrl("mark.svg")}" type="image/svg+xml">
${script !== undefined && html`<script type="module" src="${adminFileUrl(script)}"></script>`}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
${demo === true && html`<aside class="demo" aria-label="Demo"><div class="wrap"><p><strong>This is a demo.</strong></p></div></aside>`}
<header class="top"><div class="wrap">
<span class="brand">${siteName}: administration</span>
${navigation}
</div></header>
<main id="main" tabindex="-1"><div class="wrap">
${body}
</div></main>
</body>
</html>
`.markup;

/** What came of an action, read out at once. */
export const notice = (text: string | Html | undefined): Html =>
  text === undefined ? html`` : html`<div class="notice" role="status"><p>${text}</p></div>`;

export const problem = (text: string | undefined): Html =>
  text === undefined ? html`` : html`<div class="notice bad" role="alert"><p>${text}</p></div>`;

interface ButtonForm {
  action: string;
  label: string;
  /** What it acts on, where the page has several of the label. */
  about?: string;
  fields: Record<string, string>;
  look?: "quiet" | "danger";
}

/** A form of one button: what it acts on stands in hidden fields. */
export const buttonForm = (
  c: AdminContext,
  { action, label, about, fields, look = "quiet" }: ButtonForm,
): Html =>
  html`<form method="post" action="${action}">${tokenOf(c)}${Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )}<button class="button small ${look}"${about !== undefined && html` aria-label="${label}: ${about}"`}>${label}</button></form>`;
