import { z } from "zod";
import { findProgram, runCommand } from "../../lib/run-command.ts";
import { DEVICE_PREFIX } from "../tunnel-plan.ts";

/** The parts of `nft -j list ruleset` that are looked at (libnftables-json(5)). */
const ruleset = z.object({
  nftables: z.array(
    z.object({
      chain: z
        .object({
          family: z.string(),
          table: z.string(),
          name: z.string(),
          hook: z.string().optional(),
          policy: z.string().optional(),
        })
        .optional(),
      rule: z
        .object({
          family: z.string(),
          table: z.string(),
          chain: z.string(),
          expr: z.array(z.unknown()).optional(),
        })
        .optional(),
    }),
  ),
});

/**
 * Sentences on other programs' rules (Docker, ufw, firewalld, the operator's own) that drop what members send, although we
 * let it pass: in nftables a packet must be accepted by every table. Chains that name our devices are taken to know us.
 */
export function foreignDrops(listing: string): string[] {
  const parsed = parse(listing);
  if (parsed === undefined) return [];
  const rules = parsed.nftables.flatMap(({ rule }) => (rule === undefined ? [] : [rule]));
  return parsed.nftables.flatMap(({ chain }) => {
    if (chain?.hook !== "forward" && chain?.hook !== "input") return [];
    if (chain.table === "lethe" || !["inet", "ip", "ip6"].includes(chain.family)) return [];
    const own = rules.filter(
      (rule) => rule.family === chain.family && rule.table === chain.table && rule.chain === chain.name,
    );
    if (JSON.stringify(own).includes(DEVICE_PREFIX)) return [];
    if (chain.policy !== "drop" && !own.some((rule) => dropsEverything(rule.expr))) return [];
    const place = `${chain.family} ${chain.table} ${chain.name}`;
    return chain.hook === "forward"
      ? [
          `The firewall chain "${place}" drops forwarded packets: members get no traffic over OpenVPN. Let ours pass with: nft insert rule ${place} iifname "${DEVICE_PREFIX}*" accept; nft insert rule ${place} oifname "${DEVICE_PREFIX}*" ct state established,related accept`,
        ]
      : [
          `The firewall chain "${place}" drops incoming packets: make sure that it opens the services' ports, and let DNS from the tunnels pass with: nft insert rule ${place} iifname "${DEVICE_PREFIX}*" accept`,
        ];
  });
}

/** A rule without a condition whose verdict is drop or reject. */
function dropsEverything(expressions: readonly unknown[] | undefined): boolean {
  const said = (expressions ?? []).filter(
    (expression) =>
      !(
        typeof expression === "object" &&
        expression !== null &&
        ("counter" in expression || "log" in expression)
      ),
  );
  const [only, ...more] = said;
  return (
    more.length === 0 && typeof only === "object" && only !== null && ("drop" in only || "reject" in only)
  );
}

/**
 * The machine as it is now: whether our table stands (somebody may have flushed the whole ruleset, as `systemctl restart
 * nftables` does), and the sentences on others' rules. Undefined where nft cannot say.
 */
export async function readRuleset(): Promise<{ ours: boolean; foreignDrops: string[] } | undefined> {
  const nft = findProgram("nft");
  if (nft === undefined) return undefined;
  // Terse: without the elements of sets, which may be very many.
  const { code, stdout } = await runCommand([nft, "-j", "-t", "list", "ruleset"], { timeoutMs: 30_000 });
  if (code !== 0) return undefined;
  return { ours: hasOurTable(stdout), foreignDrops: foreignDrops(stdout) };
}

/** The last chain of our table is looked for: a half-removed table is none. */
export const hasOurTable = (listing: string): boolean =>
  parse(listing)?.nftables.some(({ chain }) => chain?.table === "lethe" && chain.name === "guard") ?? false;

function parse(listing: string): z.infer<typeof ruleset> | undefined {
  try {
    return ruleset.parse(JSON.parse(listing));
  } catch {
    return undefined;
  }
}
