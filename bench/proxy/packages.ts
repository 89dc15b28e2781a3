import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";

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
