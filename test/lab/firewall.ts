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

/** What stands in them, in words that nft(8) reads again. */
async function letheRules(exit: Namespace, tables: readonly [string, string][]): Promise<string> {
  const shown = await Promise.all(
    tables.map(([family, name]) => exit.must(["nft", "-s", "list", "table", family, name])),
  );
  return shown.join("\n");
}

/**
 * Runs `look` while our tables are empty (plain masquerading in their place, so that traffic still flows), then puts back what stood
 * in them. The control of every defence that the firewall gives. Tables that were gone the exit would put back within seconds by
 * itself (hasOurTable of exit/firewall/foreign.ts); where it does so all the same, what `look` saw is worth nothing, and it looks again.
 */
export async function withoutOurFirewall<T>(
  exit: Namespace,
  look: () => Promise<T>,
  masquerade = true,
): Promise<T> {
  const tables = await letheTables(exit);
  if (tables.length === 0) throw new Error("there is no table of ours to take away");
  const names = tables.map(([family, name]) => `table ${family} ${name}`);
  const emptied = names.map((name) => `delete ${name}\n${name} {\n chain guard {\n }\n}\n`).join("");
  const gone = names.map((name) => `${name}\ndelete ${name}\n`).join("");
  const instead = masquerade
    ? 'table inet lab_control { chain postrouting { type nat hook postrouting priority srcnat; oifname "eth0" masquerade; }; }\n'
    : "";
  for (let tries = 1; ; tries++) {
    const saved = await letheRules(exit, tables);
    await exit.must(["nft", "-f", "-"], { input: emptied + instead });
    const seen = await look().then(
      (value) => () => value,
      (error: unknown) => () => {
        throw error;
      },
    );
    const isBack = (await letheRules(exit, tables)).includes("hook");
    const restore = gone + saved + (masquerade ? "\ndelete table inet lab_control\n" : "");
    await exit.must(["nft", "-f", "-"], { input: restore });
    if (!isBack || tries === 5) return seen();
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
