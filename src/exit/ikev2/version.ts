import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { findProgram, runCommand } from "../../lib/run-command.ts";

/**
 * No strongSwan older than this: before it, CREATE_CHILD_SA was taken on an IKE SA that had not logged in yet, and the inner
 * EAP identity was not bound to its IKE SA (GHSA-4qm7-rm85-wr68; CVE-2026-78134, CVE-2026-78135). Debian keeps the upstream
 * number and says in the package's changelog what it has mended.
 */
const PACKAGE = "strongswan-libcharon";
const FLOOR = "5.9.8-5+deb12u6";
const MENDED = "CVE-2026-78135";
const CHANGELOG = `/usr/share/doc/${PACKAGE}/changelog.Debian.gz`;

/** Whether the strongSwan of this machine is new enough. */
export async function strongswanIsMended(): Promise<boolean> {
  const [dpkgQuery, dpkg] = [findProgram("dpkg-query"), findProgram("dpkg")];
  if (dpkgQuery === undefined || dpkg === undefined) return false;
  const { code, stdout } = await runCommand([dpkgQuery, "-W", "-f", `\${Version}`, PACKAGE]);
  if (code !== 0) return false;
  return mended(stdout.trim(), readChangelog(), async (version, floor) => {
    const compared = await runCommand([dpkg, "--compare-versions", version, "ge", floor]);
    return compared.code === 0;
  });
}

/** Another Debian counts its own revisions: there the changelog decides. */
export async function mended(
  version: string,
  changelog: string,
  isAtLeast: (version: string, floor: string) => Promise<boolean>,
): Promise<boolean> {
  if (changelog.includes(MENDED)) return true;
  return version.startsWith("5.9.8-5+deb12u") && (await isAtLeast(version, FLOOR));
}

function readChangelog(): string {
  try {
    return gunzipSync(readFileSync(CHANGELOG)).toString("latin1");
  } catch {
    return "";
  }
}
