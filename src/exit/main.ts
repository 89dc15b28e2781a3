import { randomBytes } from "node:crypto";
import { ensureSecret } from "../lib/atomic-file.ts";
import { Engines } from "../lib/engines.ts";
import { logFor } from "../lib/event-log.ts";
import { ForkedChild } from "../lib/forked-child.ts";
import { installLastResort } from "../lib/last-resort.ts";
import type { ServerSettings } from "../link/settings.ts";
import type { Trust } from "../link/signed.ts";
import { openSettings } from "../link/signed-settings.ts";
import { siteId, verifyingKey } from "../link/site-key.ts";
import { keeperMessage, proxyMessage } from "./checked-messages.ts";
import type {
  ExitReport,
  ExitRestart,
  ExitStart,
  ExitStop,
  KeeperEngines,
  KeeperStart,
  ListeningReport,
  ProxySettings,
  ProxyStart,
} from "./messages.ts";
import { type ExitState, Reconciler } from "./reconcile.ts";
import { Sysctls } from "./sysctls.ts";

/**
 * The exit's root process. It reads nothing from the Internet: the keeper (link, roster, logins) and the proxies do, as
 * children that give root up; their messages are checked. Here the settings they bring become devices, firewall, engines.
 *
 * Told to stop (SIGTERM, {type: "stop"}) it takes everything away. Told to restart, or left alone by a supervisor that
 * died, it goes and leaves engines, devices and firewall to the next start.
 */

const log = logFor("exit");
/** Without settings nobody can say who may be online: what an earlier life left running then ends. */
const SETTINGS_WITHIN_MS = 60_000;

/** The process of a machine that has its office beside it: waits for the supervisor's word. `entry` is bundle.ts. */
export function runExit(entry: string): void {
  installLastResort(log);
  // Ctrl-C reaches every process of the terminal at once; the supervisor decides what it means.
  process.on("SIGINT", () => {});
  process.on("SIGHUP", () => {});

  process.on("message", function first(message: ExitStart | ExitStop | ExitRestart) {
    if (message.type !== "start") return process.exit(0);
    process.off("message", first);
    run(message, entry);
  });
}

function run(start: ExitStart, entry: string): void {
  const publicKey = Buffer.from(start.sitePublicKey, "base64");
  const trust: Trust = { site: siteId(publicKey), key: verifyingKey(publicKey) };
  let settings: ServerSettings | undefined;
  /** Of the settings: older ones are not taken. */
  let version = 0;
  let state: ExitState | undefined;
  let sent = "";
  let ending = false;
  /** What each proxy said last; nothing from one that has not spoken since it was started. */
  const listening = new Map<ForkedChild, ListeningReport[]>();

  const engines = new Engines({ folder: start.run.engines, log, onChange: () => reconciler.report() });
  const reconciler: Reconciler = new Reconciler({
    start,
    engines,
    sysctls: new Sysctls(`${start.run.engines}/sysctls.json`),
    log,
    onState: (now) => {
      state = now;
      tell();
    },
  });

  const keeper = new ForkedChild({
    module: entry,
    args: ["keeper"],
    log: logFor("keeper"),
    onStart: (child) => {
      child.send({
        type: "start",
        server: start.server,
        sitePublicKey: start.sitePublicKey,
        link: start.link,
        authoriseSocket: start.run.authoriseSocket,
        sealedRoster: start.run.sealedRoster,
        sealKey: ensureSecret(`${start.folder}/seal.key`, () => randomBytes(32)).toString("base64"),
        account: start.accounts.keeper,
      } satisfies KeeperStart);
      child.send(engineNews());
    },
    onMessage: (message) => {
      const parsed = keeperMessage.safeParse(message);
      if (!parsed.success || ending) return;
      const opened = openSettings(Buffer.from(parsed.data.signed, "base64"), trust, start.server, version);
      if (!opened.ok) return log("roster-refused", { reason: opened.reason ?? "foreign" });
      ({ settings, version } = opened);
      clearTimeout(patience);
      reconciler.update(settings);
      tell();
    },
  });

  const proxies = Array.from({ length: start.proxies }, () => {
    const proxy: ForkedChild = new ForkedChild({
      module: entry,
      args: ["proxy"],
      log: logFor("proxy"),
      onStart: (child) => {
        child.send({
          type: "start",
          authoriseSocket: start.run.authoriseSocket,
          account: start.accounts.proxy,
        } satisfies ProxyStart);
        const news = proxyNews();
        if (news !== undefined) child.send(news);
      },
      onMessage: (message) => {
        const parsed = proxyMessage.safeParse(message);
        if (!parsed.success) return;
        listening.set(proxy, parsed.data.services as ListeningReport[]);
        tell();
      },
      onCrash: () => {
        listening.delete(proxy);
        tell();
      },
    });
    return proxy;
  });

  const proxyNews = (): ProxySettings | undefined =>
    settings &&
    state && { type: "settings", settings, ownAddresses: state.ownAddresses, resolvers: state.resolvers };

  const engineNews = (): KeeperEngines => {
    const proxied = merged([...listening.values()]);
    const services = [...new Set(proxied.map(({ service }) => service))];
    return {
      type: "engines",
      engines: [
        ...(state?.engines ?? []),
        ...services.map((service) => ({
          id: service,
          service,
          healthy: proxied.some((report) => report.service === service && report.failed === undefined),
        })),
      ],
    };
  };

  const report = (): ExitReport => {
    const proxied = merged([...listening.values()]);
    const wantsProxies = settings?.services.socks5 !== undefined || settings?.services.http !== undefined;
    return {
      type: "report",
      settled: state?.settled === true && (!wantsProxies || listening.size === start.proxies),
      services: [...proxied, ...(state?.openvpn ?? [])],
      warnings: state?.warnings ?? [],
    };
  };

  /** Tells everybody what has changed for them since they were told last. */
  const told = new Map<string, string>();
  const changed = (whom: string, message: object): boolean => {
    const text = JSON.stringify(message);
    if (told.get(whom) === text) return false;
    told.set(whom, text);
    return true;
  };
  const tell = (): void => {
    if (ending) return;
    const forEngines = engineNews();
    if (changed("keeper", forEngines)) keeper.send(forEngines);
    const forProxies = proxyNews();
    if (forProxies !== undefined && changed("proxies", forProxies)) {
      for (const proxy of proxies) proxy.send(forProxies);
    }
    const text = JSON.stringify(report());
    if (text !== sent && process.connected) {
      sent = text;
      process.send!(report());
    }
  };

  const end = async (leave: boolean): Promise<void> => {
    if (ending) return;
    ending = true;
    log("stopping");
    clearTimeout(patience);
    await reconciler.close();
    if (leave) engines.release();
    await Promise.all([...proxies.map((proxy) => proxy.stop(2000)), keeper.stop(2000)]);
    if (!leave) await reconciler.clear();
    log("stopped");
    process.exit(0);
  };

  process.on("SIGTERM", () => void end(false));
  process.on("disconnect", () => void end(true));
  process.on("message", (message: ExitStart | ExitStop | ExitRestart) => {
    if (message.type === "stop") void end(false);
    if (message.type === "restart") void end(true);
  });

  const patience = setTimeout(() => void engines.stopAll(), SETTINGS_WITHIN_MS);
  log("started");
  keeper.start();
  for (const proxy of proxies) proxy.start();
}

/** One line a listener: with several proxies on one port, it listens as soon as one of them does. */
function merged(reports: ListeningReport[][]): ListeningReport[] {
  const lines = new Map<string, ListeningReport>();
  for (const line of reports.flat()) {
    const key = `${line.service} ${line.protocol} ${line.address} ${line.port}`;
    if (lines.get(key)?.failed !== undefined || !lines.has(key)) lines.set(key, line);
  }
  return [...lines.values()];
}
