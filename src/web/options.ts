import type { Context } from "hono";
import type { AccountView } from "../accounts/account-view.ts";
import type { Accounts } from "../accounts/accounts.ts";
import type { Devices } from "../accounts/devices.ts";
import type { Cash } from "../billing/cash.ts";
import type { Checkout } from "../billing/checkout.ts";
import type { Payments } from "../billing/payments.ts";
import type { Webhook } from "../billing/providers.ts";
import type { Receipts } from "../billing/receipts.ts";
import type { Refunds } from "../billing/refunds.ts";
import type { Vouchers } from "../billing/vouchers.ts";
import type { Status } from "../fleet/status.ts";
import type { Clock } from "../lib/clock.ts";
import type { DnsLevel } from "../lib/dns-levels.ts";
import type { Log } from "../lib/event-log.ts";
import type { Result } from "../lib/result.ts";
import type { ProfileFile, ProfileKind, ProfileOptions } from "../profiles/kinds.ts";
import type { InventoryEntry } from "../store/inventory.ts";
import type { Switches } from "../store/switches.ts";
import type { Announcements } from "../support/announcements.ts";
import type { Challenges } from "../support/challenge.ts";
import type { HelpCentre } from "../support/help-centre.ts";
import type { Tickets } from "../support/tickets.ts";
import type { AnalyticsDoor } from "./analytics-door.ts";
import type { Language, PageLanguage } from "./languages/language.ts";
import type { MailDoor } from "./mail-door.ts";
import type { PolicyChoice } from "./policy-choice.ts";
import type { Session } from "./session.ts";
import type { OwnTexts } from "./text-pages.ts";
import type { ThemeOptions } from "./theme/theme.ts";

/** Everything the site needs from the rest of the office; `createSite` takes it whole. */
export interface SiteOptions {
  /** The provider's name, as it stands on every page. */
  siteName: string;
  /**
   * The origin that people type, such as `https://vpn.example.net`. A form that says it was sent from another origin is
   * refused. Without it, what a request calls the host is taken for the host.
   */
  publicUrl?: string;
  /** Members reach the site by https (through a TLS proxy, as a rule): cookies are then `__Host-` and Secure, and HSTS is sent. */
  secure: boolean;
  /** Colours and logo, where they are not the house's. */
  theme?: ThemeOptions;
  /** What the site speaks beside English. */
  languages?: readonly Language[];
  /** The tag of the one that counts where a browser asks for none of them; undefined: English. */
  language?: string;
  /** Where weaknesses are reported: `mailto:`, `tel:` or `https:` addresses. Empty: the contact page. */
  securityContacts?: readonly string[];
  /** Where the running source can be had (AGPL section 13); stands in every page's footer. */
  sourceUrl?: string;
  /** 32 random bytes; seals the sessions. A new one logs everybody out. */
  sessionSecret: Uint8Array;
  clock: Clock;
  log: Log;
  accounts: Accounts;
  vouchers: Vouchers;
  /** Members' WireGuard devices. */
  devices: Devices;
  /** The servers as the status page shows them. */
  status: Pick<Status, "list" | "day" | "hours">;
  /** What the operator has switched off: new accounts, buying, a way to pay. */
  switches: Pick<Switches, "off" | "isOn">;
  announcements: Pick<Announcements, "list">;
  /** What is sold, and what else the rules on the pages speak of. Without it: DEFAULT_POLICY. */
  policy?: PolicyChoice;
  /** Whether servers lead ports on to members' devices. */
  portForwarding?: boolean;
  /** The operator's own wording of these pages. */
  texts?: OwnTexts | undefined;
  support: SupportDoor;
  /** How things are bought here; undefined: nothing can be. */
  buying?: BuyingDoor | undefined;
  /** This is a demo (`npm start -- --demo`): every page says so, and leads to the pages of the simulated providers. */
  demo?: readonly { title: string; href: string }[] | undefined;
  /** What is stored and why; the privacy page is made of it. */
  inventory: readonly InventoryEntry[];
  /**
   * What a client needs for a server, or for several of which it takes one, for every member alike (but `wireguard`, which
   * is a device's); no file where none of them offers that. A server that is not known is left out.
   */
  profiles(kind: ProfileKind, servers: readonly string[], options?: ProfileOptions): ProfileFile[];
  /** The blocklists that there are to choose from; undefined: all three. */
  blocklists?: () => readonly Exclude<DnsLevel, "none">[];
  /** How visits are counted; undefined: they are not, and no page has a trace of it. */
  analytics?: AnalyticsDoor | undefined;
  /** How mail is sent; undefined: there is no mail server, and the pages say so. */
  mail?: MailDoor | undefined;
  /** What the page "Am I protected?" has to ask with. */
  check?: CheckDoor;
  /** What servers need that join the fleet; undefined where none can. */
  exits?: ExitDoor;
  /**
   * The address that a request came from, to slow guessing; never kept. Behind a proxy this is the proxy's own address
   * unless the operator has said that the proxy is to be believed (client-address.ts).
   */
  clientAddress(c: Context): string;
}

/** What the pages of buying need. */
export interface BuyingDoor {
  checkout: Checkout;
  payments: Payments;
  receipts: Receipts;
  refunds: Refunds;
  /** By provider; they answer at /webhooks/<provider>. */
  webhooks: { paypal?: Webhook | undefined; btcpay?: Webhook | undefined };
  /** Where cash by mail is taken: where the envelopes go. */
  cash?: { cash: Cash; address: readonly string[] } | undefined;
}

export interface SupportDoor {
  help: HelpCentre;
  tickets: Tickets;
  challenges: Challenges;
  /** Where letters go that are not written here. */
  contactAddress?: string | undefined;
  /** Where complaints about servers go. */
  abuseAddress?: string | undefined;
}

export interface CheckDoor {
  /** The server on the office's own machine: members come from it with their addresses inside the tunnels. */
  ownServer?: string;
  /** Where the site is reached by one version of IP alone. */
  origins?: { ipv4?: string; ipv6?: string };
  /** Where the page itself is reached: no other site's script is told an address. Undefined: whatever a request calls it. */
  page?: string;
  /** Where browsers find a STUN server, `192.0.2.1:3478` or `[2001:db8::1]:3478`. */
  stun: readonly string[];
  /** Where a name is delegated to us: names below it, and who has asked for one (undefined: it is over). */
  dns?: { name: string; issue(): string; seen(token: string): string[] | undefined };
}

export interface ExitDoor {
  /** Takes the body of POST /enrol as it came, and the address it came from. A refusal is a word of a closed list. */
  enrol(body: unknown, address: string): Promise<Result<object, string>>;
  /** What stands at a path such as `/exit/bundle-….mjs`. */
  file(path: string): { file: string; bytes: number; contentType: string } | undefined;
}

/** Who a request comes from, once the gate has looked. */
export interface Member {
  account: AccountView;
  session: Session;
}

/** What the parts of the site hand one another during one request. */
export interface SiteEnv {
  Variables: {
    /** Set by the gate: somebody has asked who the member is. Without it no member page leaves the house. */
    asked: boolean;
    /** A posted form whose origin and token held. */
    form: URLSearchParams;
    /** The session in the cookie, unsealed and not yet held against the account. */
    session: Session | undefined;
    /** What the page is written in; unset is English. */
    language: PageLanguage | undefined;
    /** Below /api/v1/account: whose bearer token it is. */
    member: Member;
  };
}
