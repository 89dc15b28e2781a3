import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";

/** Units that a package brings and that must not come up at the next boot either. */
export const UNITS = {
  unbound: ["unbound.service"],
  openvpn: ["openvpn.service"],
  nftables: ["nftables.service"],
  stunnel4: ["stunnel4.service"],
  "charon-systemd": ["strongswan.service"],
  postgresql: ["postgresql.service"],
  nginx: ["nginx.service"],
  caddy: ["caddy.service", "caddy-api.service"],
  // With its own configuration it listens on every address, without a password, on the port of our link.
  "nats-server": ["nats-server.service"],
  "network-manager": ["NetworkManager.service"],
  iperf3: ["iperf3.service"],
  "openssh-server": ["ssh.service", "ssh.socket"],
  squid: ["squid.service"],
  "dante-server": ["danted.service"],
  tinyproxy: ["tinyproxy.service"],
};

/** What invoke-rc.d asks before it starts a daemon; ours bears the mark, the operator's stands aside meanwhile. */
const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_ASIDE = `${POLICY}.before-lethe`;
const MARK = "# of Lethe, while it installs packages";

function textOf(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Debian makes a database cluster when PostgreSQL is installed, unless it is told not to (pg_createcluster(1)). */
const CLUSTERS = "/etc/postgresql-common/createcluster.d";
const NO_CLUSTER = `${CLUSTERS}/lethe.conf`;

/** Until the packages are in; the operator's own PostgreSQL later is made as Debian makes it. */
function withoutCluster() {
  const made = mkdirSync(CLUSTERS, { recursive: true });
  writeFileSync(NO_CLUSTER, "create_main_cluster = false\n");
  return () => {
    rmSync(NO_CLUSTER, { force: true });
    if (made === undefined) return;
    try {
      rmdirSync(CLUSTERS);
    } catch {
      // The package has put something of its own there.
    }
  };
}

const say = (text) => process.stdout.write(`${text}\n`);

const installed = (name) => {
  const answer = spawnSync("dpkg-query", ["-W", "-f", `\${Status}`, name], { encoding: "utf8" });
  return answer.stdout?.startsWith("install ok installed") ?? false;
};

/** Missing Debian packages, without letting one of their daemons start, now or at the next boot. */
export function installDebianPackages(names) {
  if (spawnSync("dpkg-query", ["--version"]).status !== 0) {
    say(`This is no Debian or Ubuntu: install these yourself if they are missing: ${names.join(", ")}.`);
    return;
  }
  const restore = () => {
    if (existsSync(POLICY_ASIDE)) renameSync(POLICY_ASIDE, POLICY);
    else rmSync(POLICY, { force: true });
  };
  // Of a run that was killed in the middle: it goes whether there is more to install or not.
  if (process.getuid?.() === 0 && (existsSync(POLICY_ASIDE) || textOf(POLICY).includes(MARK))) restore();
  const missing = names.filter((name) => !installed(name));
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    say(`Not installed, and only root could: ${missing.join(", ")}. What needs them will say so.`);
    return;
  }
  say(`Installing from Debian: ${missing.join(", ")} (their daemons are not started) …`);
  if (existsSync(POLICY)) renameSync(POLICY, POLICY_ASIDE);
  const allowClusters = missing.includes("postgresql") ? withoutCluster() : () => {};
  const end = () => {
    allowClusters();
    restore();
  };
  const stop = () => {
    end();
    process.exit(130);
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    // 101: "action forbidden by policy" (invoke-rc.d).
    writeFileSync(POLICY, `#!/bin/sh\n${MARK}\nexit 101\n`, { mode: 0o755 });
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_SUSPEND: "1" };
    const apt = (...args) =>
      spawnSync("apt-get", args, { env, stdio: ["ignore", "ignore", "inherit"] }).status === 0;
    const options = ["-o", "DPkg::Lock::Timeout=300", "-qq", "-y", "--no-install-recommends"];
    // First of all: with the lists of an old image apt brings engines with holes that Debian has long mended. Where no mirror
    // answers, what is in apt's cache will do.
    apt("-qq", "update");
    const done = apt(...options, "install", ...missing);
    const absent = missing.filter((name) => !installed(name));
    for (const name of missing) {
      for (const unit of installed(name) ? (UNITS[name] ?? []) : [])
        spawnSync("systemctl", ["disable", "--quiet", unit], { stdio: "ignore" });
    }
    if (!done || absent.length > 0)
      say(`Could not be installed: ${absent.join(", ")}. What needs them will say so.`);
  } finally {
    end();
    process.removeListener("SIGINT", stop);
    process.removeListener("SIGTERM", stop);
  }
}
