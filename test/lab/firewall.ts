import { lab } from "./addresses.ts";
import type { Namespace } from "./namespace.ts";

/** The tables that Lethe's firewall made in `exit`: `["inet", "lethe"]`. */
export async function letheTables(exit: Namespace): Promise<[family: string, name: string][]> {
  const { stdout } = await exit.run(["nft", "list", "tables"]);
  return [...stdout.matchAll(/^table (\S+) (\S*lethe\S*)$/gm)].map(([, family = "", name = ""]) => [
    family,
    name,
  ]);
}

/**
 * Runs `look` while our tables are gone (plain masquerading in their place, so that traffic still flows), then puts them
 * back as they were. The control of every defence that the firewall gives.
 */
export async function withoutOurFirewall<T>(
  exit: Namespace,
  look: () => Promise<T>,
  masquerade = true,
): Promise<T> {
  const tables = await letheTables(exit);
  if (tables.length === 0) throw new Error("there is no table of ours to take away");
  const names = tables.map(([family, name]) => `table ${family} ${name}`);
  const saved = await Promise.all(names.map((name) => exit.must(["nft", "-s", "list", ...name.split(" ")])));
  const instead = masquerade
    ? 'table inet lab_control { chain postrouting { type nat hook postrouting priority srcnat; oifname "eth0" masquerade; }; }\n'
    : "";
  await exit.must(["nft", "-f", "-"], { input: names.map((name) => `delete ${name}\n`).join("") + instead });
  try {
    return await look();
  } finally {
    const restore = saved.join("\n") + (masquerade ? "\ndelete table inet lab_control\n" : "");
    await exit.must(["nft", "-f", "-"], { input: restore });
  }
}

/** What must not be reachable through the exit, though the exit itself reaches it: URL by what it is. */
export const closedTargets: Record<string, string> = {
  "private host": `http://${lab.private.v4}/ip`,
  "private host over IPv6": `http://[${lab.private.v6}]/ip`,
  "cloud metadata": `http://${lab.private.metadata}/ip`,
  "carrier-grade NAT": `http://${lab.private.cgnat}/ip`,
  "operator's service on the public address": `http://${lab.exit.v4}:${lab.operatorPort}/ip`,
  "operator's service on the private address": `http://${lab.private.router4}:${lab.operatorPort}/ip`,
  "operator's service over IPv6": `http://[${lab.exit.v6}]:${lab.operatorPort}/ip`,
  "range that the operator denies": `http://${lab.internet.denied}/ip`,
  "documentation range": `http://${lab.internet.closed}/ip`,
  "denied port": `http://${lab.internet.web4}:${lab.deniedPort}/`,
  "mail port": `http://${lab.internet.web4}:25/`,
};

/** What only a proxy can be asked for: its own loopback, and other writings of closed addresses. */
export const closedToProxies: Record<string, string> = {
  loopback: `http://127.0.0.1:${lab.operatorPort}/ip`,
  "loopback over IPv6": `http://[::1]:${lab.operatorPort}/ip`,
  "loopback by name": `http://localhost:${lab.operatorPort}/ip`,
  "name with a loopback address": `http://loopback.lab.example:${lab.operatorPort}/ip`,
  "name with a private address": "http://private.lab.example/ip",
  "private address in IPv6": `http://[::ffff:${lab.private.v4}]/ip`,
  "unspecified address": `http://0.0.0.0:${lab.operatorPort}/ip`,
};
