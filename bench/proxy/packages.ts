import { execFileSync, spawnSync } from "node:child_process";
import { accessSync, chmodSync, constants, existsSync, renameSync, unlinkSync, writeFileSync } from "node:fs";

/** The Debian packages that the benchmark runs, and the program that shows each is there. */
export const programs = {
  luajit: "/usr/bin/luajit",
  "dante-server": "/usr/sbin/danted",
  squid: "/usr/sbin/squid",
  microsocks: "/usr/bin/microsocks",
  tinyproxy: "/usr/bin/tinyproxy",
} as const;

export type DebianPackage = keyof typeof programs;

export function missing(names: readonly DebianPackage[]): DebianPackage[] {
  return names.filter((name) => {
    try {
      accessSync(programs[name], constants.X_OK);
      return false;
    } catch {
      return true;
    }
  });
}

export function versions(names: readonly DebianPackage[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format
      execFileSync("dpkg-query", ["-W", "-f", "${Version}", name], { encoding: "utf8" }),
    ]),
  );
}

const policy = "/usr/sbin/policy-rc.d";
const policyBefore = "/usr/sbin/policy-rc.d.before-lethe-bench";

/**
 * Installs packages without letting them start a daemon (Debian Policy 9.3.3.1: invoke-rc.d asks policy-rc.d, 101 means
 * no), and puts back the policy that stood there before, also one that a killed run left aside. Throws where apt fails.
 */
export function install(names: readonly DebianPackage[]): void {
  if (!existsSync(policyBefore) && existsSync(policy)) renameSync(policy, policyBefore);
  try {
    writeFileSync(policy, "#!/bin/sh\nexit 101\n");
    chmodSync(policy, 0o755);
    const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const apt = (words: string[]): boolean =>
      spawnSync("apt-get", words, { env: environment, stdio: ["ignore", "ignore", "inherit"] }).status === 0;
    const wanted = ["install", "-q", "-y", "--no-install-recommends", ...names];
    if (!apt(wanted) && !(apt(["update", "-q"]) && apt(wanted))) {
      throw new Error(`apt-get could not install ${names.join(", ")}`);
    }
  } finally {
    unlinkSync(policy);
    if (existsSync(policyBefore)) renameSync(policyBefore, policy);
  }
}
