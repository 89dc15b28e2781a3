import type { Hono } from "hono";
import { METHODS } from "../../policy/methods.ts";
import type { Switch } from "../../store/switches.ts";
import type { SwitchView } from "../control/operator.ts";
import { html } from "../html.ts";
import { line } from "./fields.ts";
import { adminPage, buttonForm, notice, problem } from "./layout.ts";
import type { AdminContext, AdminEnv, AdminOptions } from "./options.ts";

export const switchTitle = (name: Switch): string =>
  name === "sign-up" ? "New accounts" : name === "buying" ? "Buying, in every way" : METHODS[name].title;

export function addSwitches(app: Hono<AdminEnv>, admin: AdminOptions): void {
  const shown = async (c: AdminContext, said: { done?: string; error?: string } = {}): Promise<Response> => {
    const asked = await admin.ask<{ switches: SwitchView[] }>("GET", "/switches");
    const switches = asked.ok ? asked.value.switches : [];
    const body = html`<h1>Switches</h1>
<p class="lead">What is off is off at once, on all offices, until it is switched on again. What was paid goes on.</p>
${notice(said.done)}${problem(said.error ?? (asked.ok ? undefined : asked.error))}
<ul class="rows">${switches.map(
      ({ name, on, setUp }) =>
        html`<li><span>${switchTitle(name)} <span class="badge ${on ? "good" : "warn"}">${on ? "on" : "off"}</span>${!setUp && html` <span class="muted">not set up in lethe.toml</span>`}</span>
${buttonForm(c, {
  action: "switches",
  label: on ? "Switch off" : "Switch on",
  about: switchTitle(name),
  fields: { name, on: on ? "no" : "yes" },
})}</li>`,
    )}</ul>`;
    return adminPage(admin, c, { title: "Switches", body, status: said.error === undefined ? 200 : 422 });
  };

  app.get("/switches", (c) => shown(c));
  app.post("/switches", async (c) => {
    const form = c.get("form");
    const name = line(form, "name");
    const on = line(form, "on") === "yes";
    const set = await admin.ask<{ switches: SwitchView[] }>("POST", "/switches", { name, on });
    if (!set.ok) return shown(c, { error: set.error });
    return shown(c, { done: `${switchTitle(name as Switch)}: ${on ? "on" : "off"}.` });
  });
}
