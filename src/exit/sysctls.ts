import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { totalmem } from "node:os";
import { writeFileAtomic } from "../lib/atomic-file.ts";

/**
 * Kernel settings that an exit needs, and what they were before. The earlier values stand in a file on tmpfs, so that a
 * stop after a crash restores them too; a reboot forgets both.
 */
export class Sysctls {
  readonly #file: string;
  readonly #root: string;
  readonly #before: Record<string, string>;

  /** `file` keeps the earlier values; `root` is /proc/sys unless a test says otherwise. */
  constructor(file: string, root = "/proc/sys") {
    this.#file = file;
    this.#root = root;
    this.#before = readBefore(file);
  }

  /** Sets what is not so yet. False where a setting cannot be had (read-only /proc in a container, no such setting). */
  set(name: string, value: string): boolean {
    const path = `${this.#root}/${name}`;
    try {
      const now = readFileSync(path, "latin1").trim();
      if (now === value) return true;
      if (this.#before[name] === undefined) {
        this.#before[name] = now;
        writeFileAtomic(this.#file, JSON.stringify(this.#before));
      }
      writeFileSync(path, `${value}\n`);
      return readFileSync(path, "latin1").trim() === value;
    } catch {
      return false;
    }
  }

  /** Raises what is lower now, and leaves what is higher. */
  atLeast(name: string, least: number): void {
    if (this.#now(name) < least) this.set(name, String(least));
  }

  /** Lowers what is higher now, and leaves what is lower. */
  atMost(name: string, most: number): void {
    if (this.#now(name) > most) this.set(name, String(most));
  }

  /** NaN where there is no such number. */
  #now(name: string): number {
    try {
      return Number.parseInt(readFileSync(`${this.#root}/${name}`, "latin1"), 10);
    } catch {
      return Number.NaN;
    }
  }

  /** As it was before anything of ours; undefined where there is no such setting. */
  earlier(name: string): string | undefined {
    try {
      return this.#before[name] ?? readFileSync(`${this.#root}/${name}`, "latin1").trim();
    } catch {
      return undefined;
    }
  }

  /** Everything as it was, the last change first. */
  restore(): void {
    for (const [name, value] of Object.entries(this.#before).reverse()) {
      try {
        // With nothing at all the kernel is told nothing.
        writeFileSync(`${this.#root}/${name}`, `${value}\n`);
      } catch {
        // The interface it belonged to may be gone.
      }
      delete this.#before[name];
    }
    rmSync(this.#file, { force: true });
  }
}

function readBefore(file: string): Record<string, string> {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  } catch {
    return {};
  }
}

/** What a NAT has to wait at the least before it forgets a silent TCP connection (RFC 5382, REQ-5): 2 h 4 min. */
const TCP_FORGOTTEN_AFTER_S = 7440;
const CONNTRACK = "net/netfilter/nf_conntrack";
/** An entry takes some 400 bytes: a full table is a fifth of the memory at the most. */
const BYTES_A_CONNECTION = 2048;
const MOST_CONNECTIONS = 1 << 21;

/**
 * The kernel's table of members' connections. Linux forgets a silent one after five days: connections that devices left when they
 * lost their network would fill the table, and for so long it would say who was where. And it holds 65,536 of them on a machine
 * with 2 GB, some sixty a member for a thousand members: once it is full nobody gets a new one. Only the machine's first network
 * may change the table's size. What the operator has set lower or higher stays.
 */
export function setConntrack(sysctls: Sysctls, memoryBytes = totalmem()): void {
  const connections = Math.min(
    2 ** Math.floor(Math.log2(memoryBytes / BYTES_A_CONNECTION)),
    MOST_CONNECTIONS,
  );
  sysctls.atMost(`${CONNTRACK}_tcp_timeout_established`, TCP_FORGOTTEN_AFTER_S);
  sysctls.atLeast(`${CONNTRACK}_max`, connections);
  // Four to a place of the hash table, as Linux had it by default for long.
  sysctls.atLeast(`${CONNTRACK}_buckets`, connections / 4);
}

/**
 * Forwarding for the tunnels, and no bookkeeping in conntrack beyond what NAT needs: no byte counts, no start times.
 * A machine that forwards IPv6 no longer listens to router advertisements (accept_ra 1), and would lose its own default
 * route some minutes later: 2 means "also when forwarding" (kernel Documentation/networking/ip-sysctl.rst).
 */
export function setForwarding(sysctls: Sysctls, ipv6Uplink: boolean): boolean {
  sysctls.set("net/netfilter/nf_conntrack_acct", "0");
  sysctls.set("net/netfilter/nf_conntrack_timestamp", "0");
  const forwards = sysctls.set("net/ipv4/ip_forward", "1");
  if (!ipv6Uplink || !existsSync("/proc/sys/net/ipv6")) return forwards;
  for (const device of readdirSync("/proc/sys/net/ipv6/conf")) {
    const path = `net/ipv6/conf/${device}/accept_ra`;
    try {
      if (device !== "all" && readFileSync(`/proc/sys/${path}`, "latin1").trim() === "1")
        sysctls.set(path, "2");
    } catch {
      // an interface that has just gone
    }
  }
  return sysctls.set("net/ipv6/conf/all/forwarding", "1") && forwards;
}
