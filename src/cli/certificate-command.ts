import type { Command } from "commander";
import type { CertificateView } from "../web/certificates.ts";
import type { Office } from "./office-commands.ts";
import { show } from "./terminal.ts";

const NAMES: Record<CertificateView["kind"], string> = {
  authority: "authority, in every member's files",
  link: "link to other servers",
  site: "site",
  exit: "VPN",
  public: "proxies over TLS",
};

export function addCertificateCommand(program: Command, office: Office): void {
  program
    .command("certificates")
    .description("until when every certificate is good; ends with 1 where one needs you")
    .action(async () => {
      const { certificates, nowS } = await office.ask<{ certificates: CertificateView[]; nowS: number }>(
        "GET",
        "/certificates",
      );
      show(office.json(), certificates, certificatesText(certificates, nowS));
      if (certificates.some(({ warning }) => warning !== undefined)) process.exitCode = 1;
    });
}

/** One line each, and below it what is to be done. */
export function certificatesText(certificates: readonly CertificateView[], nowS: number): string {
  const rows = certificates.map(({ kind, server, until, warning }) => {
    const name = server === undefined ? NAMES[kind] : `${server}, ${NAMES[kind]}`;
    const date =
      until === undefined
        ? "not known"
        : `${new Date(until * 1000).toISOString().slice(0, 10)}  ${Math.floor((until - nowS) / 86_400)} days`;
    return { name, text: `${date}${warning === undefined ? "" : `\n    ! ${warning}`}` };
  });
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.map(({ name, text }) => `  ${name.padEnd(width)}  ${text}`).join("\n");
}
