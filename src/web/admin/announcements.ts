import type { Hono } from "hono";
import {
  ANNOUNCED_DAYS_MOST,
  type Announcement,
  TEXT_CHARACTERS_MOST,
  TITLE_CHARACTERS_MOST,
} from "../../support/announcements.ts";
import { dayAndTime } from "../dates.ts";
import { html } from "../html.ts";
import { markdown } from "../markdown.ts";
import { line, wholeNumber } from "./fields.ts";
import { adminPage, buttonForm, notice, problem, tokenOf } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

interface Said {
  done?: string;
  error?: string;
  /** What was typed, so that nothing has to be typed again. */
  title?: string;
  text?: string;
  days?: string;
}

export function addAnnouncementsAdmin(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const shown = async (c: AdminContext, said: Said = {}): Promise<Response> => {
    const asked = await admin.ask<{ announcements: Announcement[] }>("GET", "/announcements");
    const all = asked.ok ? asked.value.announcements : [];
    const body = html`<h1>Announcements</h1>
<p class="lead">On the first page and the status page for two weeks, on a page of their own and in a feed as long as they stand.</p>
${notice(said.done)}${problem(said.error ?? (asked.ok ? undefined : asked.error))}
<form class="panel" method="post" action="announcements"><h2>Tell everybody</h2>
${tokenOf(c)}<input type="hidden" name="action" value="post">
<div class="field"><label for="title">Title</label>
<input id="title" name="title" required maxlength="${TITLE_CHARACTERS_MOST}" autocomplete="off" value="${said.title ?? ""}"></div>
<div class="field"><label for="text">Text</label>
<p class="hint" id="text-hint">Markdown: a blank line between paragraphs, **bold**, lists with dashes, [a link](https://…).</p>
<textarea id="text" name="text" required rows="8" maxlength="${TEXT_CHARACTERS_MOST}" aria-describedby="text-hint">${said.text ?? ""}</textarea></div>
<div class="field"><label for="days">For how many days <span class="muted">(optional)</span></label>
<p class="hint" id="days-hint">Empty: until you take it away.</p>
<input id="days" name="days" type="number" inputmode="numeric" min="1" max="${ANNOUNCED_DAYS_MOST}" value="${said.days ?? ""}" aria-describedby="days-hint"></div>
<button class="button">Announce</button></form>
${all.map(
  ({ id, title, text, postedMs, deleteAfter }) => html`<article class="panel"><h2>${title}</h2>
<p class="muted">${dayAndTime(Math.floor(postedMs / 1000))}${deleteAfter !== undefined && html`, until ${dayAndTime(deleteAfter)}`}</p>
${markdown(text, { firstHeading: 3 })}
${buttonForm(c, {
  action: "announcements",
  label: "Take away",
  about: title,
  fields: { action: "remove", id },
  look: "danger",
})}</article>`,
)}`;
    return adminPage(admin, c, {
      title: "Announcements",
      body,
      status: said.error === undefined ? 200 : 422,
    });
  };

  app.get("/announcements", (c) => shown(c));
  app.post("/announcements", async (c) => {
    const form = c.get("form");
    if (line(form, "action") === "remove") {
      const gone = await admin.ask("POST", "/announcements/remove", { id: line(form, "id") });
      return shown(c, gone.ok ? { done: "Taken away." } : { error: gone.error });
    }
    const typed = { title: line(form, "title"), text: form.get("text") ?? "", days: line(form, "days") };
    const days = typed.days === "" ? undefined : (wholeNumber(form, "days", 0, 999_999_999) ?? 0);
    const posted = await admin.ask("POST", "/announcements/post", {
      title: typed.title,
      text: typed.text,
      ...(days !== undefined && { days }),
    });
    return shown(c, posted.ok ? { done: "Announced." } : { error: posted.error, ...typed });
  });
}
