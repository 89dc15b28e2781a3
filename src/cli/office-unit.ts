import { HARDENING } from "../exit/remote/unit.ts";

export const UNIT_PATH = "/etc/systemd/system/lethe.service";

/**
 * The systemd unit of a machine with an office (systemd.exec(5), 252): what `npm start` runs in the foreground. It holds the
 * office and the exit beside it, so that it can shut no more than the exit can live without; each of our processes gives up
 * by itself what it does not need, root first of all.
 */
export function officeUnit({ checkout, data }: { checkout: string; data: string }): string {
  const lethe = quoted(`${checkout}/lethe`);
  const words = `--data ${quoted(data)}`;
  const some = (folders: RegExp): boolean => [checkout, data].some((path) => folders.test(path));
  const atHome = some(/^\/(?:home|root|run\/user)(?:\/|$)/);
  // Where somebody tries it out; a /tmp of its own would hide them.
  const inTmp = some(/^\/(?:var\/)?tmp\//);
  return `# Written by \`lethe install\`; changes are overwritten when it is run again. Your own go into \`systemctl edit lethe\`.
[Unit]
Description=Lethe
Wants=network-online.target
After=network-online.target nss-lookup.target postgresql.service
RequiresMountsFor=${quoted(checkout)} ${quoted(data)}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${lethe} up ${words}
ExecReload=${lethe} restart ${words}
# Not after \`lethe stop\`. A database that is not up yet, or a line of lethe.toml that is wrong, is tried until it is mended.
Restart=on-failure
RestartSec=5
TimeoutStopSec=40
# A crash leaves the engines and their sessions; the next start takes them over. A stop ends them itself.
KillMode=process
OOMPolicy=continue
RuntimeDirectory=lethe
RuntimeDirectoryMode=0711
RuntimeDirectoryPreserve=restart
UMask=0077

ReadWritePaths=${quoted(data)} -/etc/unbound${inTmp ? " /tmp" : ""}
ProtectHome=${atHome ? "read-only" : "yes"}
PrivateTmp=${inTmp ? "no" : "yes"}

${HARDENING}

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.syntax(7), systemd.unit(5): blanks, quotes and the signs that would begin a specifier or a variable. */
const quoted = (path: string): string =>
  /^[A-Za-z0-9/._+@-]+$/.test(path)
    ? path
    : `"${path.replaceAll(/[\\"]/g, "\\$&").replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;
