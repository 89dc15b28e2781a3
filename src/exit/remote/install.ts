import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../lib/atomic-file.ts";
import { parseJoinCode } from "../../link/enrolment.ts";
import { linkPublicKey, newLinkKey } from "../../link/link-key.ts";
import { PUBLIC_CERTIFICATE, PUBLIC_KEY } from "../public-certificate/pair.ts";
import { checkedAnswer, readInput } from "./enrol.ts";
import { writeIdentity } from "./identity.ts";
import { KEYS, START, UNIT } from "./layout.ts";
import { startScript } from "./start-script.ts";
import { unit } from "./unit.ts";

/**
 * What root does of joining. Neither part reads a byte from the Internet: the one makes a key, the other takes an answer
 * whose MAC it checks before anything in it counts.
 */
const NEW_SEED = join(KEYS, "link.seed.new");
const KEYS_OF_ONE_LIFE = ["tls.key", "tls.crt", PUBLIC_KEY, PUBLIC_CERTIFICATE];

/** `key`: makes the exit's nkey, kept aside until the office has taken it, and prints its public half. */
export function runKey(): void {
  mkdirSync(KEYS, { recursive: true, mode: 0o700 });
  chmodSync(KEYS, 0o700);
  // One of a try that did not come through serves again: the office may have taken it.
  if (!existsSync(NEW_SEED)) writeFileAtomic(NEW_SEED, newLinkKey().seed);
  process.stdout.write(`${linkPublicKey(readFileSync(NEW_SEED, "utf8"))}\n`);
}

/** `install`: two lines on standard input, join code and answer; writes who this exit is. */
export async function runInstall(): Promise<void> {
  const [text = "", json = ""] = (await readInput()).split("\n");
  const code = parseJoinCode(text);
  const answer = code && json.length < 100_000 ? checkedAnswer(JSON.parse(json), code) : undefined;
  if (answer === undefined) {
    process.stderr.write("The office's answer is not whole: nothing was changed.\n");
    process.exitCode = 1;
    return;
  }
  // A certificate of an earlier life bears another name, or is another authority's; after a seizure its keys are known.
  for (const name of KEYS_OF_ONE_LIFE) rmSync(join(KEYS, name), { force: true });
  writeIdentity(KEYS, answer, readFileSync(NEW_SEED, "utf8").trim());
  rmSync(NEW_SEED, { force: true });
}

/** `files`: the launcher and, with `--unit`, the systemd unit, as this release has them. */
export function runFiles(withUnit: boolean): void {
  writeFileAtomic(START, startScript(), 0o755);
  if (withUnit) writeFileAtomic(UNIT, unit(), 0o644);
}

/** Puts a launcher of a newer release in the place of an older one's. */
export function renewStartScript(): void {
  const text = startScript();
  if (readFileSync(START, "utf8") !== text) writeFileAtomic(START, text, 0o755);
}
