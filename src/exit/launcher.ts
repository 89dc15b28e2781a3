import { findProgram } from "../lib/run-command.ts";

/** No core file: it would be the memory of an engine, members' addresses and keys in it, on disk. */
const NO_CORE = ["--core=0:0"];

/**
 * openvpn keeps CAP_NET_ADMIN when it gives up root, to set addresses later. It has none to set: the device is made by us
 * and open to root's group, so all it needs is a low port and the way to its user. What breaks into it cannot touch the
 * firewall then.
 */
const FEW_CAPABILITIES = [
  "--bounding-set",
  "-all,+setuid,+setgid,+net_bind_service",
  "--inh-caps",
  "-all",
  "--no-new-privs",
];

/**
 * For a program that needs nothing of root, or no more than ports below 1024 (`lowPorts`): it becomes that user at once.
 * Nothing where this machine cannot do that.
 */
export const unprivileged = (account: Ids, { lowPorts = false } = {}): string[] | undefined =>
  becoming(account, lowPorts ? "-all,+net_bind_service" : "-all");

/**
 * For wireguard-go: an unprivileged user that keeps CAP_NET_ADMIN (engine.ts says why), and nothing else of root. Nothing
 * where this machine cannot do that.
 */
export const wireguardLauncher = (account: Ids): string[] | undefined => becoming(account, "-all,+net_admin");

interface Ids {
  uid: number;
  gid: number;
}

/** `only`: what of root's capabilities it keeps, as setpriv(1) writes it. */
function becoming({ uid, gid }: Ids, only: string): string[] | undefined {
  const prlimit = findProgram("prlimit");
  const setpriv = findProgram("setpriv");
  if (process.getuid!() !== 0 || uid === 0 || prlimit === undefined || setpriv === undefined)
    return undefined;
  return [
    ...[prlimit, ...NO_CORE, setpriv, "--reuid", String(uid), "--regid", String(gid), "--clear-groups"],
    ...["--inh-caps", only, "--ambient-caps", only, "--bounding-set", only, "--no-new-privs"],
  ];
}

/** Programs (util-linux, on every Debian) that prepare an engine's process and then become it. */
export function launcher(options: { fewCapabilities: boolean }): string[] {
  const prlimit = findProgram("prlimit");
  const setpriv = options.fewCapabilities ? findProgram("setpriv") : undefined;
  return [
    ...(prlimit === undefined ? [] : [prlimit, ...NO_CORE]),
    ...(setpriv === undefined ? [] : [setpriv, ...FEW_CAPABILITIES]),
  ];
}
