import type { Blocked, PortRange } from "../lib/port-range.ts";

/**
 * The answer to a complaint about a server's address. It says what is true of every provider of this kind: there is nothing
 * to hand over, and something to be done.
 */
export interface AbuseAnswer {
  siteName: string;
  /** Where to write; undefined: none is set. */
  abuseAddress?: string | undefined;
  /** The site, `https://vpn.example.net`. */
  origin: string;
  /** The server that the complaint is about, and what is blocked on it now. */
  server?: { name: string; host: string; addresses: readonly string[]; blocked: Blocked } | undefined;
}

const portText = ({ from, to }: PortRange): string =>
  from === to ? `port ${from}` : `ports ${from} to ${to}`;

/** `port 6667, ports 6881 to 6889, 203.0.113.0/24`; empty where nothing is blocked. */
export const blockedText = ({ ports, ranges }: Blocked): string =>
  [...ports.map(portText), ...ranges].join(", ");

/** What can be done, in the words of page and letter. */
export const ABUSE_MEASURES = [
  "block a port, or a range of ports, on the server that you name, so that nobody reaches it through that server any more;",
  "block your address or network on that server, or on all of them, so that none of our members can reach you through it;",
  "close an account whose credentials you can show us: a VPN username that somebody published, for instance.",
] as const;

/** What a complaint has to say for anything to be done. */
export const ABUSE_NEEDED = [
  "the address of our server, and the port on it or on your side;",
  "date and time, with the time zone, or that it still goes on;",
  "what happened, in a sentence or two; a few lines of your log are enough.",
] as const;

/** The letter, plain text, lines of at most 76 characters. */
export function abuseAnswer({ siteName, abuseAddress, origin, server }: AbuseAnswer): string {
  const about =
    server === undefined
      ? `Thank you for your report about one of the servers of ${siteName}.`
      : `Thank you for your report about ${namesOf(server)}, a server of ${siteName}.`;
  const done =
    server === undefined || blockedText(server.blocked) === ""
      ? []
      : [`Blocked on ${server.host} as of today: ${blockedText(server.blocked)}.`];
  const paragraphs = [
    "Hello,",
    about,
    `${siteName} is a service through which its members reach the Internet. Many of them share the address of one server at one time, and we keep no log of who connects, from where, to what, or when: not on that server and nowhere else. So nobody here can say who was behind it, and there is no record that could be secured or handed over. What is stored at all, and for how long, stands at ${origin}/privacy.`,
    "What we can do, and do as a rule within a working day:",
    ...ABUSE_MEASURES.map((measure) => `- ${measure}`),
    ...done,
    "For that we need:",
    ...ABUSE_NEEDED.map((need) => `- ${need}`),
    `Our members agree to terms that forbid what you describe (${origin}/terms).`,
    abuseAddress === undefined ? `Write to us at ${origin}/contact.` : `Write to us at ${abuseAddress}.`,
    siteName,
  ];
  return `${paragraphs
    .map((paragraph) => wrapped(paragraph))
    .join("\n\n")
    .replace(/\n\n(?=- )/g, "\n")}\n`;
}

/** Its host, and the addresses that are not the host themselves. */
const namesOf = ({ host, addresses }: NonNullable<AbuseAnswer["server"]>): string => {
  const others = addresses.filter((address) => address !== host);
  return others.length === 0 ? host : `${host} (${others.join(", ")})`;
};

const WIDTH = 76;

function wrapped(text: string): string {
  const indent = text.startsWith("- ") ? "  " : "";
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = `${indent}${word}`;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}
