import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CertificateState, ExitCertificateProblem } from "../certificates/state.ts";
import { exitProblemWords, problemWords } from "../certificates/words.ts";
import type { FleetServer } from "../fleet/fleet-server.ts";
import { type CertificateView, certificateWarning } from "../web/certificates.ts";
import type { PublicCertificateView } from "../web/control/servers.ts";

/** Every certificate that the service stands on, the authority first; for `lethe certificates`. */
export function certificateList(office: {
  folder: string;
  /** PEM; undefined where openssl is missing. */
  authority: string | undefined;
  /** Whether this office runs a nats-server of its own now. */
  ownLink: boolean;
  site: CertificateState | undefined;
  servers: readonly FleetServer[];
  publicCertificate: (server: FleetServer) => PublicCertificateView | undefined;
  nowS: number;
}): CertificateView[] {
  const { folder, authority, ownLink, site, servers, nowS } = office;
  const entry = (
    kind: CertificateView["kind"],
    until: number | undefined,
    more: { server?: string; problem?: string } = {},
  ): CertificateView => {
    const { server, problem } = more;
    const warning = certificateWarning({ kind, ...(until !== undefined && { until }) }, nowS, problem);
    return {
      kind,
      ...(server !== undefined && { server }),
      ...(until !== undefined && { until }),
      ...(warning !== undefined && { warning }),
    };
  };
  const link = join(folder, "nats.crt");
  return [
    entry("authority", authority === undefined ? undefined : endOf(authority)),
    ...(ownLink && existsSync(link) ? [entry("link", endOf(readFileSync(link, "utf8")))] : []),
    ...(site === undefined ? [] : [entry("site", seconds(site.notAfterMs), problemOf(site))]),
    ...servers.map(({ name, identity }) => entry("exit", identity?.certificateUntil, { server: name })),
    ...servers.flatMap((server) => {
      const view = office.publicCertificate(server);
      if (view === undefined || view.site === true) return [];
      const problem = view.problem && exitProblemWords(view.problem as ExitCertificateProblem);
      return [entry("public", view.until, { server: server.name, ...(problem && { problem }) })];
    }),
  ];
}

const endOf = (pem: string): number => seconds(Date.parse(new X509Certificate(pem).validTo))!;
const seconds = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.floor(ms / 1000);
const problemOf = ({ problem }: CertificateState): { problem?: string } =>
  problem === undefined ? {} : { problem: `the next one ${problemWords(problem)}` };
