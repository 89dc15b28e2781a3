import { isIPv4 } from "node:net";
import { lab, zone } from "./addresses.ts";

export interface DnsQuestion {
  /** Which of our resolvers was asked, and by which address. */
  server: string;
  from: string;
  name: string;
  type: number;
}

const PUBLIC_NAMES = new Set(["exit1.lab.example", "berlin1.lab.example", "oslo1.lab.example"]);
const A = 1;
const AAAA = 28;

function ipv6Bytes(text: string): Buffer {
  const [head = "", tail = ""] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  const out = Buffer.alloc(16);
  for (const [index, group] of groups.entries()) out.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return out;
}

function addressesFor(server: string, name: string, type: number): string[] | undefined {
  // The exits' own names are public; a client needs them before it has a tunnel.
  if (server === lab.internet.foreignResolver && !PUBLIC_NAMES.has(name)) {
    return type === A ? [lab.internet.trap] : [];
  }
  const entry = name.endsWith(".any.lab.example") ? zone["web4.lab.example"] : zone[name];
  if (entry === undefined) return undefined;
  return type === A ? (entry.a ?? []) : type === AAAA ? (entry.aaaa ?? []) : [];
}

/**
 * Answers one DNS message (RFC 1035 section 4.1) with one question, and notes who asked what in `log`.
 * Gives nothing for what is no query.
 */
export function answerDns(
  query: Buffer,
  server: string,
  from: string,
  log: DnsQuestion[],
): Buffer | undefined {
  if (query.length < 17 || (query.readUInt16BE(2) & 0x8000) !== 0 || query.readUInt16BE(4) !== 1)
    return undefined;
  const labels: string[] = [];
  let at = 12;
  for (;;) {
    const length = query[at];
    if (length === undefined || length > 63 || at + 1 + length > query.length) return undefined;
    at += 1 + length;
    if (length === 0) break;
    labels.push(query.toString("latin1", at - length, at));
  }
  if (at + 4 > query.length) return undefined;
  const type = query.readUInt16BE(at);
  const name = labels.join(".").toLowerCase();
  log.push({ server, from, name, type });
  const addresses = addressesFor(server, name, type);
  const answers = (addresses ?? []).map((address) => {
    const data = isIPv4(address) ? Buffer.from(address.split(".").map(Number)) : ipv6Bytes(address);
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0); // the question's name
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt32BE(5, 6); // seconds to live
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  // response, authoritative, recursion desired as asked, recursion available; 3: no such name
  header.writeUInt16BE(0x8480 | (query.readUInt16BE(2) & 0x0100) | (addresses === undefined ? 3 : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, query.subarray(12, at + 4), ...answers]);
}
