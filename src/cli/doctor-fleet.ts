import { connect } from "node:net";
import { join } from "node:path";
import { describeExitCertificate, exitProblemRemedy } from "../certificates/words.ts";
import { findProgram } from "../lib/run-command.ts";
import { lookUpUser, USER_NAMES } from "../lib/unix-users.ts";
import type { Config } from "../office/config.ts";
import { dataFolder } from "../office/folders.ts";
import { type LinkSettings, ownLinkServers } from "../office/link-address.ts";
import type { StoreLook } from "../store/look.ts";
import type { ServerView } from "../web/control/servers.ts";
import { askWorker } from "./backup.ts";
import { askOffice } from "./control-client.ts";
import { bad, type Finding, good, note } from "./finding.ts";

const ANSWER_WITHIN_MS = 5000;

/** How it stands with the database; as the office's user, who owns the file and whom the database server knows. Changes nothing. */
export async function checkDatabase(dataRoot: string, { store }: Pick<Config, "store">): Promise<Finding> {
  const caller = { uid: process.getuid!(), gid: process.getgid!() };
  const user = caller.uid === 0 ? lookUpUser(USER_NAMES.office) : caller;
  if (user === undefined) return note("database", "not looked at before the first start", "sudo npm start");
  const path = join(dataFolder(dataRoot).office, "lethe.db");
  const look = await askWorker({ task: "look", user, path, url: store.url }, "ignore");
  return { check: "database", ...(look as StoreLook) };
}

/** Whether servers on other machines have something to connect to, or will have. */
export async function checkLink({ link }: { link: LinkSettings }): Promise<Finding[]> {
  if (link.url.length > 0) {
    const answers = await Promise.all(link.url.map(greeting));
    return answers.map((answer, index) =>
      answer?.startsWith("INFO ")
        ? good("link", `${link.url[index]} is there`)
        : bad(
            "link",
            `${link.url[index]} ${answer === undefined ? "cannot be reached" : "is no NATS server"}`,
            "servers on other machines need it: see link.url in lethe.toml",
          ),
    );
  }
  const answer = await greeting(ownLinkServers(link)[0]!);
  const where = `TCP ${link.listen}`;
  if (answer === undefined)
    return [
      findProgram("nats-server") === undefined
        ? note(
            "link",
            "nats-server is not installed: no server on another machine can join",
            "sudo npm start installs it, or: apt-get install nats-server",
          )
        : good("link", `${where} is free for servers on other machines (lethe server add)`),
    ];
  return answer.includes('"server_name":"link"')
    ? [good("link", `nats-server is there at ${where}`)]
    : [
        note(
          "link",
          `another program has ${where}: no server on another machine can join`,
          "choose another link.listen in lethe.toml",
        ),
      ];
}

/** The servers' public certificates that could not be had or renewed, and what that leaves out; nothing while Lethe does not run. */
export async function checkExitCertificates(
  dataRoot: string,
  settings: Pick<Config, "tls" | "https_proxy" | "socks5_tls">,
): Promise<Finding[]> {
  const { controlSocket } = dataFolder(dataRoot);
  const answer = await askOffice<{ servers: ServerView[] }>(controlSocket, "GET", "/servers").catch(
    () => undefined,
  );
  return exitCertificateFindings(settings, answer?.servers ?? []);
}

export function exitCertificateFindings(
  { tls, https_proxy, socks5_tls }: Pick<Config, "tls" | "https_proxy" | "socks5_tls">,
  servers: readonly Pick<ServerView, "name" | "local" | "publicCertificate">[],
): Finding[] {
  if (!tls.exits)
    return https_proxy.listen.length + socks5_tls.listen.length > 0 && servers.some(({ local }) => !local)
      ? [
          note(
            "certificate",
            "the HTTPS proxy and SOCKS5 over TLS are offered on no other server than this machine: these have no public certificates",
            'set tls.exits in lethe.toml: true orders them, "files" takes those that you put on the servers',
          ),
        ]
      : [];
  return servers.flatMap(({ name, publicCertificate }) =>
    publicCertificate?.problem === undefined
      ? []
      : [
          note(
            "certificate",
            `${name}: ${describeExitCertificate(publicCertificate)}`,
            exitProblemRemedy(publicCertificate.problem),
          ),
        ],
  );
}

/** What a server says by itself, "" where it says nothing, undefined where there is none. NATS: `INFO {…}`, before TLS begins. */
function greeting(server: string): Promise<string | undefined> {
  const { hostname, port } = new URL(`tcp://${server.replace("tls://", "")}`);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
  let connected = false;
  socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
  socket.once("connect", () => {
    connected = true;
  });
  socket.once("data", (chunk) => {
    resolve(chunk.toString("latin1"));
    socket.destroy();
  });
  socket.once("error", () => undefined);
  socket.once("close", () => resolve(connected ? "" : undefined));
  return promise;
}
