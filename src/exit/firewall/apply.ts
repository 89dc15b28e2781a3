import { findProgram, runCommand } from "../../lib/run-command.ts";

/** Applies a whole ruleset in one transaction. False where nft is missing or the kernel refuses: nothing has changed then. */
export async function applyRules(rules: string): Promise<boolean> {
  const nft = findProgram("nft");
  if (nft === undefined) return false;
  const { code } = await runCommand([nft, "-f", "-"], { input: rules, timeoutMs: 30_000 });
  return code === 0;
}

/** Takes our table away; nobody else's is touched. */
export async function removeRules(): Promise<void> {
  await applyRules("table inet lethe\ndelete table inet lethe\n");
}
