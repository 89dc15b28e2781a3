import { markdown } from "../proxy/table.ts";
import type { Spread } from "./figures.ts";
import { verdicts } from "./limits.ts";
import type { Results } from "./results.ts";

/** A run's figures for people, as Markdown. */

const count = (value: number): string => value.toLocaleString("en-US");
const figure = (value: number): string =>
  Number.isFinite(value)
    ? value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 })
    : "–";
const megabytes = (bytes: number): string => figure(bytes / 1e6);
const of = ({ p50, p99, max }: Spread): string[] => [p50, p99, max].map(figure);

function section(title: string, note: string, head: string[], rows: string[][]): string {
  return rows.length === 0 ? "" : `## ${title}\n\n${note}\n\n${markdown([head, ...rows])}\n\n`;
}

export function summary(results: Results): string {
  const { machine, firstRosters, changes, reports, returns, pages, stores } = results;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const limits = verdicts(results).map(({ what, unit, most, seen }) => [
    what,
    `${figure(seen)} ${unit}`,
    `${figure(most)} ${unit}`,
    seen <= most ? "yes" : "NO",
  ]);
  const parts = [
    "# A fleet's costs\n\n",
    `${machine.processors} × ${machine.model}, ${machine.memoryGiB} GiB, Linux ${machine.kernel} ${machine.architecture}; ${versions.join(", ")}; Lethe ${machine.lethe}. `,
    `Load average of the machine before the run ${machine.load.toFixed(2)}, after it ${machine.loadAfter.toFixed(2)}. The run took ${count(results.seconds)} s.\n\n`,
    section("Limits", "At the largest sizes of this run.", ["", "seen", "at most", "kept"], limits),
    section(
      "The first roster of an exit",
      "One exit on nats-server over TLS: hello, digests, all buckets, each verified. Bytes as received, TLS and NATS included.",
      [
        "accounts",
        "seconds",
        "MB received",
        "bytes received an account",
        "bytes of memory an account",
        "at most, while it came",
        "sealed copy (tmpfs), bytes an account",
        "office: CPU ms",
        "office: reads its store in s",
        "office: MB of memory",
      ],
      firstRosters.map((row) => [
        count(row.accounts),
        figure(row.seconds),
        megabytes(row.wireBytes),
        figure(row.wireBytes / row.accounts),
        figure(row.memoryBytes / row.accounts),
        figure(row.mostMemoryBytes / row.accounts),
        figure(row.sealedBytes / row.accounts),
        figure(row.officeCpuMs),
        figure(row.officeReadsS),
        megabytes(row.officeRssBytes),
      ]),
    ),
    section(
      "One account changed",
      "From the office's command to each exit's table, verified; ms over all exits and changes. CPU and bytes of one change.",
      [
        "exits",
        "accounts",
        "p50 ms",
        "p99 ms",
        "max ms",
        "bytes to an exit",
        "office CPU ms",
        "nats-server CPU ms",
        "an exit's CPU ms",
      ],
      changes.map((row) => [
        count(row.exits),
        count(row.accounts),
        ...of(row.latencyMs),
        figure(row.wireBytes),
        figure(row.officeCpuMs),
        figure(row.natsCpuMs),
        figure(row.exitCpuMs),
      ]),
    ),
    section(
      "Reports",
      "Every exit's health each minute and totals each five minutes, through JetStream into the store.",
      ["exits", "accounts", "reports/s", "office, % of a core", "nats-server, % of a core", "refused"],
      reports.map((row) => [
        count(row.exits),
        count(row.accounts),
        figure(row.perSecond),
        figure(row.officeCorePercent),
        figure(row.natsCorePercent),
        count(row.refused),
      ]),
    ),
    section(
      "Office gone and back",
      "Office and nats-server killed; accounts change; both come back. Seconds from the new office's first answer to the right roster on an exit.",
      [
        "exits",
        "accounts",
        "changed",
        "p50 s",
        "p99 s",
        "max s",
        "MB fetched by an exit",
        "at most",
        "whole roster, MB",
        "rollbacks",
        "office starts in s",
        "office CPU s",
        "nats-server CPU s",
      ],
      returns.map((row) => [
        count(row.exits),
        count(row.accounts),
        count(row.changed),
        ...[row.latencyMs.p50, row.latencyMs.p99, row.latencyMs.max].map((ms) => figure(ms / 1000)),
        megabytes(row.fetchedBytes),
        megabytes(row.fetchedBytesMost),
        megabytes(row.wholeBytes),
        count(row.rollbacks),
        figure(row.officeStartMs / 1000),
        figure(row.officeCpuMs / 1000),
        figure(row.natsCpuMs / 1000),
      ]),
    ),
    section(
      "The site's public pages",
      "Requests at a steady rate, whatever becomes of those before; a latency counts from the moment the request was due.",
      [
        "page",
        "servers",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "failed",
        "KB an answer",
        "office, % of a core",
        "longest stall ms",
      ],
      pages.map((row) => [
        row.reporting ? `${row.path}, exits reporting` : row.path,
        count(row.servers),
        count(row.perSecond),
        ...of(row.latencyMs),
        count(row.failed),
        figure(row.bodyBytes / 1e3),
        figure(row.corePercent),
        figure(row.stallMs),
      ]),
    ),
    section(
      "Log-ins and vouchers",
      "16 members at one time through the site's API; SQLite and PostgreSQL both sync each commit to the disk. CPU of one request.",
      [
        "store",
        "accounts",
        "log-ins/s",
        "p50 ms",
        "p99 ms",
        "CPU ms",
        "vouchers/s",
        "p50 ms",
        "p99 ms",
        "office CPU ms",
        "PostgreSQL CPU ms",
        "failed",
      ],
      stores.map(({ store, accounts, signIns, redemptions }) => [
        store,
        count(accounts),
        figure(signIns.perSecond),
        ...of(signIns.latencyMs).slice(0, 2),
        figure(signIns.officeCpuMs),
        figure(redemptions.perSecond),
        ...of(redemptions.latencyMs).slice(0, 2),
        figure(redemptions.officeCpuMs),
        figure(redemptions.databaseCpuMs),
        count(signIns.failed + redemptions.failed),
      ]),
    ),
    ...results.left.map((what) => `Not measured: ${what}\n\n`),
  ];
  return parts.join("").replace(/\n+$/, "\n");
}
