import { z } from "zod";
import { DEVICES_MOST } from "../accounts/devices.ts";
import { SHORT_NAME } from "../fleet/groups.ts";
import { POSTGRES_URL_ALLOWED, parsePostgresUrl } from "../store/postgres-url.ts";
import {
  address,
  fileName,
  HOST_NAME,
  hostName,
  isHttps,
  isLoopback,
  isOrigin,
  isWebhook,
  listenList,
  listensOfSite,
  listenText,
  mailAddress,
  oneLine,
  range,
} from "./config-values.ts";
import { parseListen } from "./listen-address.ts";

export interface Setting<Value> {
  comment: string;
  /** What a value may be, in the operator's words; stands in the error message. */
  allowed: string;
  /** As it stands in a new file. */
  initial: Value;
  schema: z.ZodType<Value>;
}

const setting = <Value>(
  comment: string,
  allowed: string,
  initial: Value,
  schema: z.ZodType<Value>,
): Setting<Value> => ({ comment, allowed, initial, schema });

const ADDRESS_AND_PORT = 'an address and a port such as "0.0.0.0:1080" or "[::]:1080"';
/** Each has a network of its own inside (exit/tunnel-plan.ts, link/settings.ts). */
export const OPENVPN_LISTENERS_MOST = 8;
const STEALTH_LISTENERS_MOST = 4;
const BLOCKLISTS_ALLOWED = 'a list of paths from "/" on and addresses that start with "https://"';
const blocklistSources = z
  .array(z.string().refine((text) => isHttps(text) || /^\/[^\p{Cc}]{1,1000}$/u.test(text)))
  .max(32);

/** With a dot in it at least; empty: none. */
const siteName = z.string().regex(/^(?:(?=.{3,200}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+)?$/);

/** RFC 6068, RFC 3966: without what would begin another line. */
const CONTACT = /^(?:mailto:[^\s\p{Cc}@]{1,64}@[A-Za-z0-9.-]{1,190}|tel:\+[0-9-]{3,30})$/u;
const colour = (comment: string) =>
  setting(comment, 'empty, or a colour such as "#0b5f59"', "", z.string().regex(/^(?:#[0-9a-fA-F]{6})?$/));

/** BTCPay Server 2: `BTC-CHAIN`, `BTC-LN`, `XMR-CHAIN`; BTCPay Server 1: `BTC`, `BTC-LightningNetwork`, `XMR`. */
const BTCPAY_METHOD = /^[A-Za-z0-9]{2,10}([-_][A-Za-z0-9]{1,30})?$/;

/**
 * Every setting of `lethe.toml` with its meaning, its default and what is allowed, in the order of the file that a first start
 * writes. That file, the check of the one that an operator wrote, and the messages about it come from here (config.ts).
 */
export const table = {
  site: {
    name: setting(
      "The provider's name, as it stands on every page.",
      "1 to 60 characters",
      "Lethe",
      oneLine(60),
    ),
    listen: setting(
      'Where the website listens. On loopback behind a TLS proxy; with a certificate in [tls] ["0.0.0.0:443", "0.0.0.0:80"], and "[::]:443", "[::]:80" for IPv6.',
      `a list, each ${ADDRESS_AND_PORT}`,
      ["127.0.0.1:8080"],
      listensOfSite,
    ),
    url: setting(
      'The address that people type, such as "https://vpn.example.net". Empty: the first of tls.names, or the listen address without TLS.',
      'empty, or an address that starts with "https://" or "http://" and has no path',
      "",
      z.string().refine((text) => text === "" || isOrigin(text)),
    ),
    trusted_proxies: setting(
      'The TLS proxies in front, by address or range ("127.0.0.1" where one runs on this machine). They must append the visitor\'s address to X-Forwarded-For. Empty: whoever comes through a proxy counts as one visitor, so that one who guesses passwords slows all the others down.',
      'a list of addresses or ranges such as "10.1.0.0/16"',
      [],
      z.array(range).max(64),
    ),
    security_contact: setting(
      "Where to report a weakness; stands in /.well-known/security.txt (RFC 9116). Empty: the contact page, where there is one.",
      'a list such as "mailto:security@example.net", "https://vpn.example.net/contact"',
      [],
      z.array(z.string().refine((text) => isHttps(text) || CONTACT.test(text))).max(5),
    ),
    texts: setting(
      "Your own wording: a folder with terms.md, personal-use.md, privacy.md, refunds.md, cancellation.md, fair-use.md, pricing.md, about.md (what stands above a line --- comes before the rules, the rest after them; the rules themselves stay), help articles as help/<name>.md, and translations of the pages and letters as languages/<tag>.json. Empty: none.",
      "empty, or a path that starts with /",
      "",
      z.string().regex(/^(?:\/[^\p{Cc}]{1,1000})?$/u),
    ),
    language: setting(
      "The site's own language: what is shown to browsers that ask for none that there is, and what letters are written in that no page asked for. English, or one of site.texts.",
      'a language such as "en", or "de" where site.texts has languages/de.json',
      "en",
      z.string().regex(/^[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,2}$/),
    ),
  },
  theme: {
    logo: setting(
      "A picture beside the provider's name and in the browser's tab, SVG or PNG of at most 20 KB. Empty: a drop.",
      "empty, or a path that starts with /",
      "",
      z.string().regex(/^(?:\/[^\p{Cc}]{1,1000})?$/u),
    ),
    accent: colour('Colours of the light pages, such as "#0b5f59"; empty: the house\'s. Links and buttons.'),
    paper: colour("Behind everything."),
    surface: colour("Panels, the top and the foot of a page."),
    ink: colour("Text."),
    accent_dark: colour("The same for those whose device asks for dark pages."),
    paper_dark: colour(""),
    surface_dark: colour(""),
    ink_dark: colour(""),
  },
  tls: {
    certificate: setting(
      "The site's certificate in a file (PEM, the whole chain), read anew when it changes: a path, or the name of a systemd credential. Empty: none, or from acme.",
      "empty, a path that starts with /, or a credential's name",
      "",
      fileName,
    ),
    key: setting("The key to it.", "empty, a path that starts with /, or a credential's name", "", fileName),
    acme: setting(
      'Or: the directory of an ACME authority that makes the certificate and renews it, such as "https://acme-v02.api.letsencrypt.org/directory". Whoever sets it agrees to that authority\'s terms. It comes to port 80 of each name to check it.',
      'empty, or an address that starts with "https://"',
      "",
      z.string().refine((text) => text === "" || isHttps(text)),
    ),
    acme_authority: setting(
      "What the directory's own certificate is checked with, where it is no public one: a PEM file.",
      "empty, or a path that starts with /",
      "",
      z.string().regex(/^(?:\/[^\p{Cc}]{1,1000})?$/u),
    ),
    email: setting(
      "Where the ACME authority may write to. Empty: nowhere.",
      "empty, or an e-mail address",
      "",
      z.string().regex(/^(?:[^\s\p{Cc}@,:?]{1,64}@[A-Za-z0-9.-]{1,190})?$/u),
    ),
    names: setting(
      "The host names that the certificate is for. Empty: the one in site.url.",
      'a list of host names such as "vpn.example.net"',
      [],
      z.array(z.string().regex(HOST_NAME)).max(50),
    ),
    http_port: setting(
      "The port of site.listen that stays without TLS, for the authority's checks and to lead everybody else to https.",
      "a port number",
      80,
      z.int().min(1).max(65_535),
    ),
    exits: setting(
      'Whether each server has a public certificate for its host, which must be a DNS name that leads to it. true: from acme, whose authority comes to its port 80, or by files that you put on the server. "files": by such files alone.',
      'true, false or "files"',
      false,
      z.union([z.boolean(), z.literal("files")]),
    ),
  },
  store: {
    url: setting(
      "Where accounts are kept. Empty: SQLite, in the data folder. For several offices: a PostgreSQL database, postgres://…",
      POSTGRES_URL_ALLOWED,
      "",
      z.string().refine((text) => text === "" || parsePostgresUrl(text) !== undefined),
    ),
  },
  backup: {
    to: setting(
      "Whose age keys (age1…, see age-keygen) `lethe backup` encrypts to. Keep the secret keys away from this machine.",
      'a list of recipients such as "age1…"',
      [],
      z.array(z.string().regex(/^age1[0-9a-z]{10,3000}$/)).max(16),
    ),
  },
  support: {
    to: setting(
      "Whose age keys (age1…) letters on the contact page are encrypted to before they are stored; `lethe ticket keys` makes one. Keep the secret keys away from this machine. Empty: the page takes no letters.",
      'a list of recipients such as "age1…"',
      [],
      z.array(z.string().regex(/^age1[0-9a-z]{10,3000}$/)).max(16),
    ),
    contact_address: setting(
      "An e-mail address for those who would rather write there; with [mail] it is also told, at most once an hour, that letters wait. Empty: none is shown.",
      "empty, or an e-mail address",
      "",
      mailAddress,
    ),
    abuse_address: setting(
      "The e-mail address for complaints about the servers, on the page /abuse and in `lethe abuse answer`. Empty: complaints come by the contact page.",
      "empty, or an e-mail address",
      "",
      mailAddress,
    ),
  },
  server: {
    name: setting(
      "This machine's name as a server, a city and a number as a rule.",
      "1 to 40 of a-z, 0-9 and inner dashes",
      "exit1",
      z.string().regex(SHORT_NAME),
    ),
    host: setting(
      "The name or address that members' clients connect to. Empty: found by itself.",
      "empty, a host name, or an address",
      "",
      hostName,
    ),
    addresses: setting(
      "The public addresses, where the machine does not bear them itself (behind NAT). Empty: found by itself.",
      "a list of addresses",
      [],
      z.array(address).max(16),
    ),
    city: setting("Where the server stands.", "1 to 60 characters", "Unknown city", oneLine(60)),
    country: setting("", "1 to 60 characters", "Unknown country", oneLine(60)),
    country_code: setting(
      "Two letters, ISO 3166-1.",
      "two capital letters",
      "XX",
      z.string().regex(/^[A-Z]{2}$/),
    ),
    latitude: setting("", "a number from -90 to 90", 0, z.number().min(-90).max(90)),
    longitude: setting("", "a number from -180 to 180", 0, z.number().min(-180).max(180)),
    groups: setting(
      "Groups that this server belongs to, beside its city's (london of london1).",
      "a list of short names, each 1 to 40 of a-z, 0-9 and inner dashes",
      [],
      z.array(z.string().regex(SHORT_NAME)).max(16),
    ),
    bandwidth_mbit: setting(
      "What the uplink carries, Mbit/s. Loads on the status page are shares of it.",
      "a number from 1 to 1000000",
      1000,
      z.number().min(1).max(1_000_000),
    ),
  },
  link: {
    listen: setting(
      "Where this office's nats-server listens for servers on other machines; it runs as long as there is one (lethe server add).",
      ADDRESS_AND_PORT,
      "0.0.0.0:4222",
      listenText,
    ),
    hosts: setting(
      "What those servers connect to: the names or addresses of all offices. Empty: this machine's.",
      "a list of host names and addresses",
      [],
      z.array(hostName.refine((text) => text !== "")).max(16),
    ),
    url: setting(
      'Your own NATS cluster instead, such as ["tls://nats1.example.net:4222"]; `lethe link users` prints what its configuration needs.',
      'a list of addresses such as "tls://nats1.example.net:4222"',
      [],
      z.array(z.string().regex(/^tls:\/\/[A-Za-z0-9.-]{1,253}:[0-9]{1,5}$/)).max(16),
    ),
  },
  openvpn: {
    udp: setting(
      "OpenVPN over UDP. An empty list: none.",
      `a list, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:1194", "[::]:1194", "0.0.0.0:443", "[::]:443"],
      listenList,
    ),
    tcp: setting(
      "OpenVPN over TCP, for networks that block UDP. A port that the site has (443) is left out on this machine.",
      `a list, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:1194", "[::]:1194", "0.0.0.0:443", "[::]:443"],
      listenList,
    ),
  },
  stealth: {
    tls: setting(
      "OpenVPN (TCP) inside TLS, for networks that block OpenVPN; clients use stunnel. It may share a port with openvpn.tcp. A port that the site has is left out on this machine.",
      `a list of at most ${STEALTH_LISTENERS_MOST}, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:443", "[::]:443"],
      listenList.max(STEALTH_LISTENERS_MOST),
    ),
    obfs4: setting(
      "OpenVPN (TCP) inside obfs4, which looks like nothing; clients use obfs4proxy.",
      `a list of at most ${STEALTH_LISTENERS_MOST}, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:8444", "[::]:8444"],
      listenList.max(STEALTH_LISTENERS_MOST),
    ),
  },
  socks5: {
    listen: setting(
      "The SOCKS5 proxy.",
      `a list, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:1080", "[::]:1080"],
      listenList,
    ),
  },
  http_proxy: {
    listen: setting(
      "The HTTP proxy.",
      `a list, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:3128", "[::]:3128"],
      listenList,
    ),
  },
  https_proxy: {
    listen: setting(
      "The HTTP proxy over TLS, for browsers. It needs a public certificate: this machine's own in [tls], another server's by tls.exits.",
      `a list, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:8443", "[::]:8443"],
      listenList,
    ),
  },
  socks5_tls: {
    listen: setting(
      "The SOCKS5 proxy over TLS, with the same certificate.",
      `a list, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:1081", "[::]:1081"],
      listenList,
    ),
  },
  ssh: {
    listen: setting(
      "SSH tunnels (ssh -N -D, ssh -N -L): forwarding alone, no shell. Port 22 is the operator's own as a rule.",
      `a list, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:2222", "[::]:2222"],
      listenList,
    ),
  },
  wireguard: {
    port: setting(
      "WireGuard: its UDP port, on every address of the machine. 0: none.",
      "a port number, or 0",
      51_820,
      z.int().min(0).max(65_535),
    ),
  },
  ikev2: {
    enabled: setting(
      "IKEv2, on UDP 500 and 4500 of every address of the machine: RFC 7296 knows no other ports.",
      "true or false",
      true,
      z.boolean(),
    ),
  },
  vpn: {
    two_hops: setting(
      "Whether members may enter by one server and leave by another: each server then leads on to the others by ports from 52001 and 53001 on, UDP and TCP.",
      "true or false",
      true,
      z.boolean(),
    ),
    port_forwarding: setting(
      "Whether ports of a server (10000 to 14095, 20000 to 24095, 30000 to 34095) lead to members' devices, for OpenVPN and IKEv2. Each OpenVPN address and port then serves 254 devices at one time.",
      "true or false",
      false,
      z.boolean(),
    ),
  },
  dns: {
    forward: setting(
      "Resolvers that answer what members ask. Empty: our own resolver asks the root servers, and nobody else sees all questions.",
      "a list of addresses",
      [],
      z.array(address).max(8),
    ),
    validate: setting(
      "Whether what the resolvers of forward answer is validated (DNSSEC). They must pass the signatures on: `lethe doctor` looks. false: they are believed, forged answers too.",
      "true or false",
      true,
      z.boolean(),
    ),
  },
  blocklists: {
    ads: setting(
      "What the resolver of profiles that block adverts and trackers leaves out: paths of files and https addresses; `lethe blocklists renew` reads them again.",
      BLOCKLISTS_ALLOWED,
      [],
      blocklistSources,
    ),
    malware: setting(
      "What profiles that also block malware leave out beside that.",
      BLOCKLISTS_ALLOWED,
      [],
      blocklistSources,
    ),
    adult: setting(
      "What profiles that also block adult content and gambling leave out beside that.",
      BLOCKLISTS_ALLOWED,
      [],
      blocklistSources,
    ),
  },
  egress: {
    allow: setting(
      "Ranges that members may reach although they are private. For a lab; leave it empty on a real server.",
      'a list of ranges such as "10.1.0.0/16"',
      [],
      z.array(range).max(1000),
    ),
    deny: setting(
      "Ranges that members may not reach.",
      'a list of ranges such as "203.0.113.0/24"',
      [],
      z.array(range).max(100_000),
    ),
    deny_ports: setting(
      "Ports that members may not reach, beside 25.",
      "a list of port numbers",
      [],
      z.array(z.int().min(1).max(65_535)).max(1000),
    ),
  },
  limits: {
    sessions_per_credential: setting(
      "Devices and programs of one account at one time on one server, over all services; proxy connections from one address count as one.",
      "a whole number from 1 to 1000000",
      10,
      z.int().min(1).max(1_000_000),
    ),
    connections_per_credential: setting(
      "Proxy connections of one credential at one time.",
      "a whole number from 1 to 1000000",
      1000,
      z.int().min(1).max(1_000_000),
    ),
    devices_per_account: setting(
      "WireGuard devices that one account may have.",
      "a whole number from 1 to 1000",
      DEVICES_MOST,
      z.int().min(1).max(1000),
    ),
    handshake_seconds: setting(
      "A proxy client must have logged in and said where to after so long.",
      "a number from 0.1 to 600",
      30,
      z.number().min(0.1).max(600),
    ),
    idle_minutes: setting(
      "A proxy tunnel without a byte either way ends after so long.",
      "a number from 0.1 to 1440",
      60,
      z.number().min(0.1).max(1440),
    ),
  },
  check: {
    dns_name: setting(
      'A name that you have delegated to this machine (an NS record), such as "seen.vpn.example.net": the page /check then says which resolver a visitor\'s device asks. Empty: it does not.',
      "empty, or a DNS name in lower case",
      "",
      siteName,
    ),
    ipv4_name: setting(
      'A name of this site that has an IPv4 address alone, such as "v4.vpn.example.net"; it has to be in tls.names, too. /check asks by it what an IPv6 visitor shows by IPv4. Empty: it cannot tell.',
      "empty, or a DNS name in lower case",
      "",
      siteName,
    ),
    ipv6_name: setting(
      'The same with an IPv6 address alone, such as "v6.vpn.example.net": without it /check cannot tell whether IPv6 goes past somebody\'s tunnel.',
      "empty, or a DNS name in lower case",
      "",
      siteName,
    ),
    dns_listen: setting(
      "Where the DNS responder for it listens, UDP and TCP. Empty: port 53 of this machine's public addresses.",
      `a list, each ${ADDRESS_AND_PORT}`,
      [],
      listenList,
    ),
    stun: setting(
      "Where a STUN responder listens (UDP), by which /check finds addresses that a browser shows to websites by WebRTC. An empty list: nowhere.",
      `a list, each ${ADDRESS_AND_PORT}`,
      ["0.0.0.0:3478", "[::]:3478"],
      listenList,
    ),
  },
  mail: {
    host: setting(
      "The mail server (SMTP) for reminders, links that confirm an address or reset a password, and news of tickets. Empty: no mail is sent, and the site says so.",
      "empty, a host name, or an address",
      "",
      hostName,
    ),
    port: setting("", "a port number", 587, z.int().min(1).max(65_535)),
    tls: setting(
      'How the connection is made safe: "starttls" (port 587 as a rule), "tls" (465), or "none" for a mail server on this machine.',
      '"starttls", "tls" or "none"',
      "starttls",
      z.enum(["starttls", "tls", "none"]),
    ),
    user: setting(
      "The name to log in with. Empty: the mail server asks for none.",
      "empty, or up to 200 characters",
      "",
      z.string().regex(/^[^\p{Cc}]{0,200}$/u),
    ),
    password_file: setting(
      "The file with its password: a path, or the name of a systemd credential.",
      "empty, a path that starts with /, or a credential's name",
      "",
      fileName,
    ),
    from: setting(
      'The address that mail comes from, such as "office@vpn.example.net".',
      "empty, or an e-mail address",
      "",
      z.string().regex(/^(?:[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190})?$/),
    ),
  },
  analytics: {
    google_id: setting(
      'Google Analytics: the measurement id of a web data stream, such as "G-ABC123DEF4". Visits are sent by the office, with the address cut, of visitors alone who have allowed it. Empty: none, and no page has a trace of it.',
      'empty, or a measurement id such as "G-ABC123DEF4"',
      "",
      z.string().regex(/^(?:G-[A-Z0-9]{4,20})?$/),
    ),
    secret_file: setting(
      "The file with the stream's Measurement Protocol secret: a path, or the name of a systemd credential.",
      "empty, a path that starts with /, or a credential's name",
      "",
      fileName,
    ),
    collector: setting(
      'Where visits are sent; "https://region1.google-analytics.com" collects in the European Union.',
      'an address that starts with "https://" ("http://" on this machine alone) and has no path',
      "https://www.google-analytics.com",
      z.string().refine((text) => isOrigin(text) && isWebhook(text)),
    ),
  },
  alerts: {
    webhook: setting(
      "Told, as JSON, of a service that fails and a server that gives no news, and of their coming back. Empty: nobody is.",
      'empty, or an address that starts with "https://" ("http://" on this machine alone)',
      "",
      z.string().refine((text) => text === "" || isWebhook(text)),
    ),
    command: setting(
      "The same for a program of yours: its path and its arguments; the JSON comes on its standard input. It runs as the office's user.",
      'a list of a path from "/" on and arguments, such as ["/usr/local/bin/tell"]',
      [],
      z
        .array(z.string().regex(/^[^\0]{1,4000}$/))
        .max(64)
        .refine((argv) => argv.length === 0 || argv[0]!.startsWith("/")),
    ),
  },
  paypal: {
    client_id: setting(
      "PayPal, once and as a subscription: the client id of your REST app there. Empty: it is not offered.",
      "empty, or up to 200 letters, digits, dashes and underscores",
      "",
      z.string().regex(/^[A-Za-z0-9_-]{0,200}$/),
    ),
    secret_file: setting(
      "The file with the app's secret.",
      "empty, a path that starts with /, or a credential's name",
      "",
      fileName,
    ),
    webhook_id: setting(
      "The id of the app's webhook, which leads to /webhooks/paypal of this site.",
      "empty, or up to 50 letters and digits",
      "",
      z.string().regex(/^[A-Za-z0-9]{0,50}$/),
    ),
    api: setting(
      'Where PayPal\'s REST API is; "https://api-m.sandbox.paypal.com" for trying things out with play money.',
      'an address that starts with "https://" ("http://" on this machine alone) and has no path',
      "https://api-m.paypal.com",
      z.string().refine((text) => isOrigin(text) && isWebhook(text)),
    ),
    remember_payers: setting(
      "Whether a keyed hash of each payer's number at PayPal is kept for 12 months, so that who deletes the account and pays again has no second first purchase to give back.",
      "true or false",
      false,
      z.boolean(),
    ),
  },
  btcpay: {
    address: setting(
      "Bitcoin and Monero through your BTCPay Server: its address. Empty: neither is offered.",
      'empty, or an address that starts with "https://" or "http://" and has no path',
      "",
      z.string().refine((text) => text === "" || isOrigin(text)),
    ),
    store: setting(
      "The store's id there.",
      "empty, or up to 100 letters and digits",
      "",
      z.string().regex(/^[A-Za-z0-9]{0,100}$/),
    ),
    api_key_file: setting(
      "The file with an API key that may view and create invoices of that store, and no more (btcpay.store.canviewinvoices, btcpay.store.cancreateinvoice).",
      "empty, a path that starts with /, or a credential's name",
      "",
      fileName,
    ),
    webhook_secret_file: setting(
      "The file with the secret of the store's webhook, which leads to /webhooks/btcpay of this site.",
      "empty, a path that starts with /, or a credential's name",
      "",
      fileName,
    ),
    bitcoin: setting(
      'What an invoice takes from whoever chooses Bitcoin, by the names that BTCPay Server gives payment methods ("BTC-LN": Lightning). Empty: Bitcoin is not offered.',
      'a list of names such as "BTC-CHAIN"',
      ["BTC-CHAIN"],
      z.array(z.string().regex(BTCPAY_METHOD)).max(8),
    ),
    monero: setting(
      'The same for Monero, which needs a plugin there: "XMR-CHAIN". Empty: it is not offered.',
      'a list of names such as "XMR-CHAIN"',
      [],
      z.array(z.string().regex(BTCPAY_METHOD)).max(8),
    ),
  },
  cash: {
    address: setting(
      'Where envelopes with cash go, a line an item, such as ["Lethe", "PO Box 1", "10115 Berlin", "Germany"]. Empty: cash is not taken.',
      "a list of at most 8 lines, each 1 to 80 characters",
      [],
      z.array(oneLine(80)).max(8),
    ),
  },
  orders: {
    off: setting(
      'Ways to pay that are set up and not offered, by name ("paypal", "paypal-subscription", "bitcoin", "monero", "cash"), or ["all"]; what was begun goes on. `lethe switch` does the same while the office runs.',
      'a list of ways to pay ("paypal", "paypal-subscription", "bitcoin", "monero", "cash"), or ["all"]',
      [],
      z.array(z.enum(["all", "paypal", "paypal-subscription", "bitcoin", "monero", "cash"])).max(8),
    ),
  },
  admin: {
    listen: setting(
      "Where the admin pages are, from `lethe admin open` until the last visit is over. On loopback: from another machine by ssh -L. Empty: there are none.",
      'empty, or an address and a port such as "127.0.0.1:8081"; one that is not loopback only with admin.url',
      "127.0.0.1:8081",
      z.string().refine((text) => text === "" || parseListen(text) !== undefined),
    ),
    url: setting(
      'Where a TLS proxy of yours serves them, such as "https://admin.example.net". Empty: nowhere but on loopback.',
      'empty, or an address that starts with "https://" and has no path',
      "",
      z.string().refine((text) => text === "" || (isOrigin(text) && text.startsWith("https://"))),
    ),
  },
  metrics: {
    listen: setting(
      "Where Prometheus finds this office's figures, at /metrics; nothing in them is about a member. Empty: nowhere.",
      'empty, or a loopback address and a port such as "127.0.0.1:9464"',
      "",
      z.string().refine((text) => text === "" || isLoopback(parseListen(text)?.address ?? "")),
    ),
  },
} as const;

type Table = typeof table;
/** The values of all settings. */
export type Settings = {
  [Section in keyof Table]: {
    [Key in keyof Table[Section]]: Table[Section][Key] extends Setting<infer Value> ? Value : never;
  };
};
