import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { methodNotAllowed } from "hono/method-not-allowed";
import { LoginThrottle } from "../accounts/login-throttle.ts";
import { BusyError } from "../accounts/passwords.ts";
import { SignUpThrottle } from "../accounts/sign-up-throttle.ts";
import { StoreError, toStoreError } from "../store/errors.ts";
import { AnswerCache } from "./answer-cache.ts";
import { addApi } from "./api/api.ts";
import { addAssets } from "./assets.ts";
import { makeCookies } from "./cookies.ts";
import { errorPage } from "./errors.ts";
import { guardForms } from "./forms.ts";
import { mustAsk } from "./gate.ts";
import { securityHeaders } from "./headers.ts";
import { Languages } from "./languages/languages.ts";
import { MailThrottle } from "./mail-door.ts";
import { addConnect } from "./member/connect.ts";
import { addCredentials } from "./member/credentials.ts";
import { addDevices } from "./member/devices.ts";
import { addEverything } from "./member/everything.ts";
import { addOverview } from "./member/overview.ts";
import { addSettings } from "./member/settings.ts";
import { addSystem } from "./member/system.ts";
import type { SiteEnv, SiteOptions } from "./options.ts";
import { DEFAULT_POLICY } from "./policy-choice.ts";
import { Redemptions } from "./redemptions.ts";
import { SessionSeal } from "./session.ts";
import { addAbout } from "./site/about.ts";
import { addAbuse } from "./site/abuse.ts";
import { countVisits } from "./site/analytics.ts";
import { addAnalytics } from "./site/analytics-page.ts";
import { addAnnouncements } from "./site/announcements.ts";
import { addCheck } from "./site/check.ts";
import { addConfirmEmail } from "./site/confirm-email.ts";
import { addContact } from "./site/contact.ts";
import { addExits } from "./site/exits.ts";
import { addForMachines } from "./site/for-machines.ts";
import { addForgotPassword } from "./site/forgot-password.ts";
import { addHelp } from "./site/help.ts";
import { addHome } from "./site/home.ts";
import { addHowItWorks } from "./site/how-it-works.ts";
import { addLogIn } from "./site/log-in.ts";
import { addBuying } from "./site/order/add.ts";
import { addPolicy } from "./site/policy.ts";
import { addPricing } from "./site/pricing.ts";
import { addPrivacy } from "./site/privacy.ts";
import { addProxyConfig } from "./site/proxy-config.ts";
import { addResetPassword } from "./site/reset-password.ts";
import { addServer } from "./site/server.ts";
import { addSignUp } from "./site/sign-up.ts";
import { addStatus } from "./site/status.ts";
import { addTicket } from "./site/ticket.ts";
import { addWebhooks } from "./site/webhooks.ts";
import { makeTheme } from "./theme/theme.ts";
import type { Web } from "./web.ts";

/** No form of the site has more than a few hundred bytes. */
const BODY_BYTES_MOST = 64 * 1024;

/**
 * The whole site: public pages, member area, JSON API and feeds. Read it top-down: what stands before the pages holds for
 * all of them, those included that are added later.
 */
export function createSite(options: SiteOptions): Hono<SiteEnv> {
  const seal = new SessionSeal(options.sessionSecret, options.clock);
  const spoken = new Languages(options.languages, options.language);
  const app = new Hono<SiteEnv>({ getPath: spoken.getPath });
  let paths: ReadonlySet<string> | undefined;
  const web: Web = {
    ...options,
    policy: options.policy ?? DEFAULT_POLICY,
    spoken,
    look: makeTheme(options.theme),
    has: (path) => {
      paths ??= new Set(app.routes.flatMap(({ method, path }) => (method === "GET" ? [path] : [])));
      return paths.has(path);
    },
    seal,
    cookies: makeCookies(seal, options.secure),
    answers: new AnswerCache(options.clock),
    throttle: new LoginThrottle({ clock: options.clock }),
    signUps: new SignUpThrottle(options.clock),
    takenNames: new SignUpThrottle(options.clock),
    redemptions: new Redemptions(options.vouchers, options.clock),
    mailThrottle: new MailThrottle(options.clock),
  };

  app.use(spoken.guide);
  app.use(securityHeaders(options.secure));
  app.use(async (c, next) => {
    c.set("asked", false);
    c.set("session", web.cookies.session(c));
    await next();
  });
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => {
        c.header("allow", methods.join(", "));
        return errorPage(web, c, "method-not-allowed");
      },
    }),
  );
  addWebhooks(app, web);
  app.use(bodyLimit({ maxSize: BODY_BYTES_MOST, onError: (c) => errorPage(web, c, "too-large") }));
  app.use(guardForms(web));
  app.use(countVisits(web));
  app.use("/member/*", mustAsk(web));

  addAssets(app, web.look.files, web.look.icon);
  addCheck(app, web);
  addHome(app, web);
  addHowItWorks(app, web);
  addAbout(app, web);
  addAnnouncements(app, web);
  addStatus(app, web);
  addServer(app, web);
  addPrivacy(app, web);
  addAnalytics(app, web);
  addPolicy(app, web);
  addPricing(app, web);
  addBuying(app, web);
  addHelp(app, web);
  addContact(app, web);
  addTicket(app, web);
  addAbuse(app, web);
  addSignUp(app, web);
  addLogIn(app, web);
  addForgotPassword(app, web);
  addResetPassword(app, web);
  addConfirmEmail(app, web);
  addProxyConfig(app, web);

  addOverview(app, web);
  addCredentials(app, web);
  addConnect(app, web);
  addSystem(app, web);
  addDevices(app, web);
  addSettings(app, web);
  addEverything(app, web);

  addApi(app, web);
  addExits(app, web);

  addForMachines(app, web);
  app.notFound((c) => errorPage(web, c, "not-found"));
  app.onError((error, c) => {
    if (error instanceof BusyError) return errorPage(web, c, "busy");
    if (error instanceof HTTPException)
      return errorPage(web, c, error.status === 415 ? "wrong-type" : "not-understood");
    // Gone in the middle of sending: nobody reads the answer, and nobody but the visitor did anything wrong.
    if ((error as NodeJS.ErrnoException).code === "ECONNRESET") return errorPage(web, c, "not-understood");
    // The error may quote what was sent: it goes nowhere, neither to the page nor to the log.
    const unwritable = toStoreError(error) instanceof StoreError;
    web.log(unwritable ? "store-unwritable" : "internal-error", { part: "site" });
    return errorPage(web, c, unwritable ? "unwritable" : "internal");
  });
  return app;
}
