import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { canonicalName } from "../../accounts/rules.ts";
import { allGroups } from "../../fleet/recommend.ts";
import { accessUntil } from "../../policy/expiry.ts";
import { tryEitherLogIn } from "../log-in-attempt.ts";
import type { SiteEnv } from "../options.ts";
import type { Web } from "../web.ts";

/**
 * What Perfect Privacy's clients ask when they start (its documentation of `api/user.php`, version 1.2): a form with `username` and
 * `password`, answered by the end of the paid time and the settings. Booleans are "1" and "0", numbers are strings, times UTC.
 * Errors are `{"error": CODE}` with status 200: those clients read the answer of no other status. Settings are the operator's
 * here and can not be changed by it: the answer says how they are, which is how those clients learn that nothing changed.
 */

type UserError =
  | "errorUsernamePassword"
  | "errorInvalidchars"
  | "errorExpired"
  | "errorDisabled"
  | "errorApiCallLimit";

/** `2030-01-31 00:00:00` */
const timeText = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");

const flag = (value: boolean): "1" | "0" => (value ? "1" : "0");

async function answer(web: Web, c: Context<SiteEnv>): Promise<object | { error: UserError }> {
  const form = new URLSearchParams(await c.req.text());
  const name = (form.get("username") ?? "").trim();
  if (canonicalName(name) === undefined) return { error: "errorInvalidchars" };
  const found = await tryEitherLogIn(web, c, name, form.get("password") ?? "");
  if (!found.ok)
    return { error: found.error === "slow-down" ? "errorApiCallLimit" : "errorUsernamePassword" };
  const { terminated, paidUntil, renews } = found.value;
  if (terminated) return { error: "errorDisabled" };
  if (paidUntil === undefined || accessUntil(paidUntil, renews) * 1000 <= web.clock.now())
    return { error: "errorExpired" };
  return {
    validUntil: timeText(accessUntil(paidUntil, renews)),
    randomExit: flag(false),
    neuroRouting: flag(false),
    defaultPortForwarding: flag(web.portForwarding === true),
    autorenew_pf: flag(false),
    customPorts: [],
    ...(form.has("getServerGroups") && { serverGroups: await serverGroups(web) }),
  };
}

async function serverGroups(web: Web): Promise<{ id: string; name: string }[]> {
  const names = [...allGroups(await web.status.list()).keys()].toSorted();
  return names.map((name, index) => ({ id: String(index + 1), name }));
}

const PATHS = ["/api/user", "/api/user.php"] as const;

const text = { type: "string" } as const;
const documentation = {
  method: "post",
  summary: "Until when an account is paid, in Perfect Privacy's shape",
  description:
    'Username and password of the account, or the VPN username and password. An error is {"error": code} with status 200, as there.',
  tags: ["account"],
  request: {
    body: {
      required: true,
      content: {
        "application/x-www-form-urlencoded": {
          schema: {
            type: "object",
            required: ["username", "password"],
            properties: { username: text, password: text, getServerGroups: text },
          },
        },
      },
    },
  },
  responses: {
    200: {
      description: "The account, or the error",
      content: {
        "application/json": {
          schema: {
            type: "object",
            properties: {
              validUntil: { ...text, example: "2030-01-31 00:00:00" },
              randomExit: text,
              neuroRouting: text,
              defaultPortForwarding: text,
              autorenew_pf: text,
              customPorts: { type: "array", items: { type: "object" } },
              serverGroups: {
                type: "array",
                items: { type: "object", properties: { id: text, name: text } },
              },
              error: text,
            },
          },
        },
      },
    },
  },
} as const;

type RouteDocumentation = Parameters<OpenAPIHono["openAPIRegistry"]["registerPath"]>[0];

export function addUser(api: OpenAPIHono<SiteEnv>, web: Web): void {
  for (const path of PATHS) {
    api.post(path, async (c) => c.json(await answer(web, c)));
    api.openAPIRegistry.registerPath({ ...documentation, path } as unknown as RouteDocumentation);
  }
}
