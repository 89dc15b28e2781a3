import { spawn } from "node:child_process";
import { SCRUBBED_ENVIRONMENT } from "../../lib/run-command.ts";
import type { Tunnel } from "../tunnel-plan.ts";
import { dialled } from "./addresses.ts";
import type { SelfTestLogin } from "./logins.ts";

/** What openvpn says at verb 1 once it is logged in and has its settings. */
const SUCCESS = "Initialization Sequence Completed";

/**
 * A client's configuration for one listener of this exit (openvpn(8), 2.6): the certificate, the key and the login are
 * checked as a member's client checks them. It makes no device, sets no address and no route.
 */
export function openvpnClientConfiguration(options: {
  tunnel: Tunnel;
  login: SelfTestLogin;
  /** PEM of the exits' authority. */
  ca: string;
  /** The name that the listener's certificate must bear. */
  certificateName: string;
  tlsCrypt: string;
  /** Where the client is led to instead, by what carries it. */
  way?: readonly string[];
}): string {
  const { tunnel, login, ca, certificateName, tlsCrypt, way } = options;
  const { protocol, listen } = tunnel;
  const proto = `${protocol}${listen.family}${protocol === "tcp" ? "-client" : ""}`;
  return `${[
    "client",
    "dev null",
    "nobind",
    ...(way ?? [`remote ${dialled(listen.address)} ${listen.port} ${proto}`]),
    "connect-retry-max 1",
    "ifconfig-noexec",
    "route-noexec",
    "disable-dco",
    "script-security 0",
    "remote-cert-tls server",
    `verify-x509-name ${certificateName} name`,
    "tls-version-min 1.2",
    "data-ciphers AES-256-GCM:CHACHA20-POLY1305",
    "verb 1",
    ...inline("auth-user-pass", `${login.username}\n${login.password}`),
    ...inline("ca", ca),
    ...inline("tls-crypt", tlsCrypt),
  ].join("\n")}\n`;
}

/**
 * Whether a client with that configuration gets in. The configuration goes through its standard input, so that the login
 * stands in no file and no argument. `launcher` gives root up before it becomes openvpn. Of what it says one sentence is
 * looked for, and nothing is kept. Never rejects.
 */
export function openvpnWorks(options: {
  program: string;
  launcher: readonly string[];
  configuration: string;
  timeoutMs: number;
}): Promise<boolean> {
  const { program, launcher, configuration, timeoutMs } = options;
  const [file, ...words] = [...launcher, program, "--config", "stdin"];
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const child = spawn(file!, words, {
    cwd: "/",
    env: SCRUBBED_ENVIRONMENT,
    stdio: ["pipe", "pipe", "ignore"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let tail = "";
  let works = false;
  child.stdout.setEncoding("latin1").on("data", (text: string) => {
    tail += text;
    works ||= tail.includes(SUCCESS);
    tail = tail.slice(-SUCCESS.length);
    if (works) child.kill("SIGKILL");
  });
  child.on("error", () => resolve(false));
  child.on("close", () => resolve(works));
  child.stdin.on("error", () => {});
  child.stdin.end(configuration);
  return promise;
}

const inline = (option: string, text: string): string[] => [`<${option}>`, text.trim(), `</${option}>`];
