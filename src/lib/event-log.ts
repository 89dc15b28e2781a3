/**
 * The only way a process of Lethe says what happens to it. An event is a code from a closed list with numbers and words
 * from closed lists: there is no field that an address, a name or a secret could be put into.
 */
export type EventCode =
  // every process
  | "started"
  | "ready"
  | "stopping"
  | "stopped"
  | "process-crashed"
  | "process-restarting"
  | "internal-error"
  // office
  | "store-migrated"
  | "swept"
  | "store-unwritable"
  | "office-id-taken"
  | "control-refused"
  | "alert-undelivered"
  | "blocklist-refused"
  // payments
  | "provider-failed"
  | "webhook-refused"
  | "payment-uncredited"
  | "refund-stopped"
  // mail
  | "mail-undelivered"
  // analytics, where they are on
  | "analytics-undelivered"
  // public certificates
  | "certificate-loaded"
  | "certificate-refused"
  | "certificate-renewed"
  | "certificate-failed"
  | "certificate-unwritable"
  // link
  | "link-up"
  | "link-down"
  | "link-unavailable"
  | "roster-accepted"
  | "roster-refused"
  | "roster-outdated"
  | "totals-refused"
  | "request-refused"
  | "seal-unwritable"
  // exit
  | "engine-started"
  | "engine-adopted"
  | "engine-exited"
  | "engine-backing-off"
  | "engine-unavailable"
  | "listening"
  | "port-taken"
  | "port-refused"
  | "certificate-installed"
  | "certificate-refused"
  | "upgrade-started"
  | "upgrade-refused"
  | "upgrade-done"
  | "upgrade-taken-back"
  | "firewall-applied"
  | "firewall-unavailable"
  | "foreign-firewall-drops-forwarding"
  | "login-refused"
  | "sessions-cut"
  | "guessing-slowed"
  | "proxy-message-refused"
  | "management-line-refused";

/** Parts of Lethe that may stand in an event. */
export type Part =
  | "supervisor"
  | "office"
  | "check"
  | "exit"
  | "keeper"
  | "proxy"
  | "openvpn"
  | "stealth"
  | "wireguard"
  | "ikev2"
  | "unbound"
  | "firewall"
  | "ssh"
  | "socks5"
  | "http"
  | "site"
  | "certificates"
  | "link"
  | "nats"
  | "mail"
  | "admin"
  | "paypal"
  | "btcpay"
  | "cash"
  | "store";

/** What an event may carry beside its code: counts, durations, ports, exit codes, and closed words. */
export interface EventFields {
  part?: Part;
  count?: number;
  ms?: number;
  port?: number;
  exitCode?: number;
  version?: number;
  /** How many such lines were left out before this one. */
  omitted?: number;
  /** A word out of a closed union of the caller's (an error code such as EADDRINUSE, a reason for a refusal). */
  reason?: Reason;
}

/** Closed words; an operating-system error is reported by its errno name alone. */
export type Reason =
  | "signature"
  | "rolled-back"
  | "foreign"
  | "outdated"
  | "malformed"
  | "digest"
  | "nonce"
  | "protocol"
  | "unknown"
  | "expired"
  | "slow-down"
  | "too-many"
  | "unavailable"
  | "no-root"
  | "no-tun"
  | "not-installed"
  | "no-certificate"
  // of an exit beside another one in the same network
  | "another-exit"
  | "wrong-configuration"
  | "EADDRINUSE"
  | "EACCES"
  | "EADDRNOTAVAIL"
  | "ENOSPC"
  | "EROFS"
  // a public certificate's (certificates/state.ts)
  | "key-mismatch"
  | "names"
  | "unreadable"
  | "challenge"
  | "name-refused"
  | "account"
  | "rate-limited"
  | "directory"
  | "unwritable"
  | "port-taken"
  | "no-name"
  // the store's (store/errors.ts)
  | "full"
  | "read-only"
  | "corrupt"
  | "busy"
  | "unreachable"
  // the mail server's (mail/letter.ts)
  | "refused"
  | "later"
  | "tls"
  | "login"
  | "sender"
  // a payment's (billing/)
  | "unknown-invoice"
  | "amount-differs"
  | "account-gone"
  | "account-terminated"
  | "coupon-used"
  | "subscription-runs"
  | "order-expired"
  | "other";

export type EventSink = (part: Part, code: EventCode, fields?: EventFields) => void;

/** The bound form that a room is given: `log("roster-refused", { reason: "signature" })`. */
export type Log = (code: EventCode, fields?: EventFields) => void;

/** Of one event with one reason: so many lines at once, then one in so long. */
const LINES_AT_ONCE = 30;
const A_LINE_EVERY_MS = 10_000;

/**
 * Passes on what a disk has room for: who can make us say something (with requests that are refused, say) could otherwise fill
 * it. `omitted` says how many were left out before a line. It remembers the closed words alone, so its memory is small.
 */
export function limited(sink: EventSink, monotonicMs: () => number = () => performance.now()): EventSink {
  const said = new Map<string, { lines: number; atMs: number; omitted: number }>();
  return (part, code, fields) => {
    const now = monotonicMs();
    const key = `${part} ${code} ${fields?.part} ${fields?.reason}`;
    const before = said.get(key) ?? { lines: LINES_AT_ONCE, atMs: now, omitted: 0 };
    const lines = Math.min(LINES_AT_ONCE, before.lines + (now - before.atMs) / A_LINE_EVERY_MS);
    const omitted = lines < 1 ? before.omitted + 1 : 0;
    said.set(key, { lines: lines < 1 ? lines : lines - 1, atMs: now, omitted });
    if (lines >= 1) sink(part, code, before.omitted > 0 ? { ...fields, omitted: before.omitted } : fields);
  };
}

/** One line an event on standard error, `part code key=value …`, without a time: the journal adds its own. */
const stderrSink = limited((part, code, fields = {}) => {
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${value}`);
  process.stderr.write(`lethe ${part} ${code}${rest.join("")}\n`);
});

export const logFor =
  (part: Part, sink: EventSink = stderrSink): Log =>
  (code, fields) =>
    sink(part, code, fields);

/** An operating-system error's errno name, or a StoreError's code, where the closed list has it; "other" where not. */
export function reasonOf(error: unknown): Reason {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case "EADDRINUSE":
    case "EACCES":
    case "EADDRNOTAVAIL":
    case "ENOSPC":
    case "EROFS":
    case "full":
    case "read-only":
    case "corrupt":
    case "busy":
    case "unreachable":
      return code;
    default:
      return "other";
  }
}
