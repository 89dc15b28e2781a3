import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, Hono } from "hono";
import { allGroups } from "../../fleet/recommend.ts";
import { errorPage } from "../errors.ts";
import { forBearers } from "../gate.ts";
import { tryLogIn, tryPassword } from "../log-in-attempt.ts";
import type { Member, SiteEnv } from "../options.ts";
import { COMMON_KINDS, download, profileQuery } from "../profile-files.ts";
import { sendConfirmation } from "../send-confirmation.ts";
import { isSignUpRefusal, trySignUp } from "../sign-up-attempt.ts";
import { addDownloads } from "../site/downloads.ts";
import { profileNamed } from "../site/group-servers.ts";
import type { Web } from "../web.ts";
import { addDevicesApi } from "./devices.ts";
import { addFeeds } from "./feeds.ts";
import { addPolicyApi } from "./policy.ts";
import { addServers } from "./servers.ts";
import {
  accountBody,
  accountShape,
  credentialsShape,
  deletionShape,
  emailShape,
  errorShape,
  exportShape,
  isoTime,
  logInShape,
  passwordShape,
  redeemedShape,
  refused,
  signUpShape,
  tokenShape,
  voucherShape,
} from "./shapes.ts";
import { addUser } from "./user.ts";

/**
 * The JSON API. It takes no cookie: a token comes from sign-up or log-in and goes into `Authorization: Bearer`. What it
 * can do is what the pages can do, by the same rooms' functions and with the same outcomes.
 */

const json = <Shape extends z.ZodType>(schema: Shape, description: string) => ({
  content: { "application/json": { schema } },
  description,
});
const body = <Shape extends z.ZodType>(schema: Shape) => ({
  body: { content: { "application/json": { schema } }, required: true },
});
const problem = (description: string) => json(errorShape, description);

const anyone = {
  400: problem("Not understood"),
  413: problem("Too large"),
  415: problem("Not JSON"),
  429: problem("Too many wrong tries: wait"),
  503: problem("Busy: try again in a few seconds"),
};
const members = { ...anyone, 401: problem("Not logged in") };
const security = [{ bearer: [] }];

const routes = {
  signUp: createRoute({
    method: "post",
    path: "/api/v1/accounts",
    summary: "Create an account",
    tags: ["account"],
    request: body(signUpShape),
    responses: {
      201: json(tokenShape, "Created, and logged in"),
      403: problem("The operator has closed the sign-up"),
      422: problem("A field was not taken"),
      ...anyone,
    },
  }),
  logIn: createRoute({
    method: "post",
    path: "/api/v1/tokens",
    summary: "Log in: get a token, good for a day",
    tags: ["account"],
    request: body(logInShape),
    responses: {
      201: json(tokenShape, "Logged in"),
      422: problem("Username or password is wrong"),
      ...anyone,
    },
  }),
  account: createRoute({
    method: "get",
    path: "/api/v1/account",
    summary: "The account",
    tags: ["account"],
    security,
    responses: { 200: json(accountShape, "The account"), ...members },
  }),
  credentials: createRoute({
    method: "get",
    path: "/api/v1/account/credentials",
    summary: "The VPN username and password",
    tags: ["account"],
    security,
    responses: { 200: json(credentialsShape, "The VPN credentials"), ...members },
  }),
  renew: createRoute({
    method: "post",
    path: "/api/v1/account/credentials/renew",
    summary: "Make new VPN credentials; the old ones stop at once",
    tags: ["account"],
    security,
    responses: { 200: json(credentialsShape, "The new VPN credentials"), ...members },
  }),
  password: createRoute({
    method: "put",
    path: "/api/v1/account/password",
    summary: "Change the password; all tokens but the answer's end",
    tags: ["account"],
    security,
    request: body(passwordShape),
    responses: { 200: json(tokenShape, "Changed"), 422: problem("A field was not taken"), ...members },
  }),
  email: createRoute({
    method: "put",
    path: "/api/v1/account/email",
    summary: "Set or delete the e-mail address",
    tags: ["account"],
    security,
    request: body(emailShape),
    responses: { 200: json(accountShape, "Saved"), 422: problem("A field was not taken"), ...members },
  }),
  redeem: createRoute({
    method: "post",
    path: "/api/v1/account/vouchers",
    summary: "Redeem a voucher",
    tags: ["account"],
    security,
    request: body(voucherShape),
    responses: { 200: json(redeemedShape, "Counted"), 422: problem("The voucher was not taken"), ...members },
  }),
  export: createRoute({
    method: "get",
    path: "/api/v1/account/export",
    summary: "Everything stored about the account",
    tags: ["account"],
    security,
    responses: { 200: json(exportShape, "Everything stored"), ...members },
  }),
  openvpn: createRoute({
    method: "get",
    path: "/api/v1/account/openvpn/{server}",
    summary: "The OpenVPN profile of a server, or of a group of which the client takes one at random",
    tags: ["servers"],
    security,
    request: {
      params: z.object({ server: z.string().openapi({ example: "london1", description: "Or a group" }) }),
      query: z.object({ protocol: z.enum(["udp", "tcp"]).optional() }),
    },
    responses: {
      200: {
        content: { "application/x-openvpn-profile": { schema: z.string() } },
        description: "The profile",
      },
      404: problem("No such server or group, or it has no OpenVPN"),
      ...members,
    },
  }),
  profile: createRoute({
    method: "get",
    path: "/api/v1/account/profiles/{kind}/{server}",
    summary: "A server's file for a kind of client; a zip where it is several",
    tags: ["servers"],
    security,
    request: {
      params: z.object({
        kind: z.enum(COMMON_KINDS),
        server: z.string().openapi({ example: "london1" }),
      }),
      query: profileQuery,
    },
    responses: {
      200: { content: { "application/octet-stream": { schema: z.string() } }, description: "The file" },
      404: problem("No such server, or it does not offer that"),
      ...members,
    },
  }),
  delete: createRoute({
    method: "post",
    path: "/api/v1/account/deletion",
    summary: "Delete the account, at once and for good",
    tags: ["account"],
    security,
    request: body(deletionShape),
    responses: {
      204: { description: "Deleted" },
      422: problem("Wrong password, or a subscription runs"),
      ...members,
    },
  }),
};

export function addApi(app: Hono<SiteEnv>, web: Web): void {
  const api = new OpenAPIHono<SiteEnv>({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      // Names of fields and the values that the API takes: one that was sent could be a password.
      const names = result.error.issues.map((issue) => {
        const name = issue.path.join(".") || "body";
        return issue.code === "invalid_value" ? `${name} (${issue.values.join(", ")})` : name;
      });
      const fields = [...new Set(names)].join(", ");
      return c.json(
        { error: { code: "not-understood", message: `Missing, or of the wrong type: ${fields}` } },
        400,
      );
    },
  });
  api.use("/api/v1/account/*", forBearers(web));
  const nowS = () => Math.floor(web.clock.now() / 1000);
  const token = (member: { account: Member["account"]; stamp: string }) => {
    const session = web.seal.start(member.account.id, member.stamp);
    return {
      token: web.seal.seal("bearer", session),
      expiresAt: isoTime(session.expiresAt),
      account: accountBody(member.account, nowS()),
    };
  };
  // The answers of errorPage are of the error's shape; hono's types know only answers made by c.json.
  const error = (c: Context<SiteEnv>, code: Parameters<typeof errorPage>[2]) =>
    errorPage(web, c, code) as never;

  api.openapi(routes.signUp, async (c) => {
    const { voucher, ...input } = c.req.valid("json");
    const { made } = await trySignUp(web, c, { ...input, voucher: voucher?.trim() ?? "" });
    if (!made.ok)
      return isSignUpRefusal(made.error) ? error(c, made.error) : c.json(refused(made.error), 422);
    const fresh = await web.accounts.stampOf(made.value.id);
    return fresh === undefined ? error(c, "internal") : c.json(token(fresh), 201);
  });

  api.openapi(routes.logIn, async (c) => {
    const { name, password } = c.req.valid("json");
    const found = await tryLogIn(web, c, name.trim(), password);
    if (found.ok) return c.json(token(found.value), 201);
    return found.error === "slow-down" ? error(c, "slow-down") : c.json(refused(found.error), 422);
  });

  api.openapi(routes.account, (c) => c.json(accountBody(c.get("member").account, nowS()), 200));

  const credentialsBody = ({ username, password }: { username: string; password: string }) => ({
    vpnUsername: username,
    vpnPassword: password,
  });

  api.openapi(routes.credentials, async (c) => {
    const member = c.get("member");
    return c.json(credentialsBody(await web.accounts.vpnCredentials(member.account.id)), 200);
  });

  api.openapi(routes.renew, async (c) => {
    const member = c.get("member");
    const renewed = await web.accounts.renewVpnCredentials(member.account.id);
    return renewed.ok ? c.json(credentialsBody(renewed.value), 200) : error(c, "not-logged-in");
  });

  api.openapi(routes.password, async (c) => {
    const member = c.get("member");
    const { oldPassword, newPassword, renewVpn } = c.req.valid("json");
    const changed = await tryPassword(web, c, member, (id) =>
      web.accounts.login.changePassword(id, oldPassword, newPassword, { renewVpn }),
    );
    if (changed.ok) return c.json(token(changed.value), 200);
    return changed.error === "slow-down" ? error(c, "slow-down") : c.json(refused(changed.error), 422);
  });

  api.openapi(routes.email, async (c) => {
    const member = c.get("member");
    const { password, email } = c.req.valid("json");
    const changed = await tryPassword(web, c, member, (id) =>
      web.accounts.login.changeEmail(id, password, email ?? undefined),
    );
    if (changed.ok) {
      await sendConfirmation(web, c, changed.value);
      return c.json(accountBody(changed.value, nowS()), 200);
    }
    return changed.error === "slow-down" ? error(c, "slow-down") : c.json(refused(changed.error), 422);
  });

  api.openapi(routes.redeem, async (c) => {
    const member = c.get("member");
    const { outcome, again } = await web.redemptions.redeem(member.account.id, c.req.valid("json").voucher);
    if (!outcome.ok) return c.json(refused(outcome.error), 422);
    return c.json({ paidUntil: isoTime(outcome.value.paidUntil), alreadyCounted: again }, 200);
  });

  api.openapi(routes.export, async (c) => {
    const everything = await web.accounts.exportEverything(c.get("member").account.id);
    return everything === undefined ? error(c, "not-logged-in") : c.json({ ...everything }, 200);
  });

  /** For a name of a server's or a group's. */
  const notOffered = async (c: Context<SiteEnv>, name: string) => {
    const list = await web.status.list();
    const known = list.some(({ server }) => server === name) || allGroups(list).has(name);
    return c.json(refused(known ? "not-offered" : "server-unknown"), 404) as never;
  };

  api.openapi(routes.openvpn, async (c) => {
    const { protocol } = c.req.valid("query");
    const profile = profileNamed(web, await web.status.list(), c.req.valid("param").server, { protocol });
    if (profile === undefined) return notOffered(c, c.req.valid("param").server);
    return c.body(profile, 200, { "content-type": "application/x-openvpn-profile" }) as never;
  });

  api.openapi(routes.profile, async (c) => {
    const { kind, server } = c.req.valid("param");
    const { username } =
      kind === "ssh"
        ? await web.accounts.vpnCredentials(c.get("member").account.id)
        : { username: undefined };
    const made = download(web, kind, server, { ...c.req.valid("query"), username });
    if (made === undefined) return notOffered(c, server);
    return c.body(new Uint8Array(made.body), 200, {
      "content-type": made.type,
      "content-disposition": `attachment; filename="${made.name}"`,
    }) as never;
  });

  api.openapi(routes.delete, async (c) => {
    const member = c.get("member");
    const { password, subscriptionCancelled = false } = c.req.valid("json");
    const removed = await tryPassword(web, c, member, (id) =>
      web.accounts.remove(id, password, { subscriptionCancelled }),
    );
    if (removed.ok) return c.body(null, 204);
    return removed.error === "slow-down" ? error(c, "slow-down") : c.json(refused(removed.error), 422);
  });

  addDevicesApi(api, web);
  addServers(api, web);
  addFeeds(api, web);
  addDownloads(api, web);
  addUser(api, web);
  addPolicyApi(api, web);

  api.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  // Made at the first question: it is the same for everybody, and takes longer to make than any page.
  let document: string | undefined;
  const about = {
    openapi: "3.1.0",
    info: {
      title: `${web.siteName} API`,
      version: "1",
      description:
        "Everything the site can do. Beside it, /api/traffic.json, /api/serverlocations.json, /api/serverips, /api/ssh-fingerprints-rsa, /api/user, /www/relays/all/ and /downloads/openvpn/get have the shapes that existing clients read.",
    },
    servers: [{ url: web.publicUrl ?? "/" }],
  };
  api.get("/api/openapi.json", (c) => {
    document ??= JSON.stringify(api.getOpenAPI31Document(about));
    return c.body(document, 200, { "content-type": "application/json" });
  });
  app.route("/", api);
}
