import type { Context } from "hono";
import { escapeHtml } from "../html.ts";
import type { SiteEnv } from "../options.ts";
import type { Whereabouts } from "./whereabouts.ts";

/**
 * The shapes that scripts for existing providers read: JSON, XML, and CSV and TSV with a line of names first; columns in this
 * order. An empty text where nothing is known.
 */
const COLUMNS = ["IP", "DNS", "VPN", "TOR", "COUNTRY", "CITY"] as const;
type Row = Record<(typeof COLUMNS)[number], string | boolean>;

export const CHECKIP_FORMATS = ["json", "xml", "csv", "tsv"] as const;
export type CheckipFormat = (typeof CHECKIP_FORMATS)[number];

function rowOf({ ip, server }: Whereabouts): Row {
  return {
    IP: ip,
    DNS: server?.host ?? "",
    VPN: server !== undefined,
    TOR: false,
    COUNTRY: server?.country ?? "",
    CITY: server?.city ?? "",
  };
}

export function checkip(c: Context<SiteEnv>, format: CheckipFormat, where: Whereabouts): Response {
  const row = rowOf(where);
  if (format === "json") {
    const { VPN, TOR, IP, DNS, CITY, COUNTRY } = row;
    return c.json({ VPN, TOR, IP, DNS, CITY, COUNTRY });
  }
  const [body, type] =
    format === "xml"
      ? [xmlOf(row), "application/xml; charset=utf-8"]
      : [
          tableOf(row, format === "csv" ? "," : "\t"),
          format === "csv" ? "text/csv; charset=utf-8" : "text/tab-separated-values; charset=utf-8",
        ];
  return c.body(body, 200, { "content-type": type });
}

const xmlOf = (row: Row): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<root>\n${COLUMNS.map((name) => `   <${name}>${escapeHtml(String(row[name]))}</${name}>\n`).join("")}</root>\n`;

/** Quoted as in RFC 4180 section 2 where a place's name has the separator in it. */
function tableOf(row: Row, separator: string): string {
  const cell = (text: string) =>
    text.includes(separator) || text.includes('"') ? `"${text.replaceAll('"', '""')}"` : text;
  const line = (cells: readonly string[]) => `${cells.map(cell).join(separator)}\n`;
  return line(COLUMNS) + line(COLUMNS.map((name) => String(row[name])));
}
