import assert from "node:assert/strict";
import { test } from "node:test";
import { type Results, shortfalls, table, verdicts } from "../../bench/tunnels/results.ts";
import { findProgram } from "../../src/lib/run-command.ts";
import { skipOrFail } from "../lab/requirements.ts";
import { shortForm } from "./short-form.ts";

/** A shared machine and one second of measuring are no reason to fail; a tunnel that carries next to nothing would be. */
const LEAST_SHARE = 0.1;

const missing = findProgram("iperf3") === undefined ? "iperf3 is not installed (Debian: iperf3)" : undefined;

test("the tunnels' benchmark in its short form: every service carries traffic and lets in, ours and by hand", {
  skip: skipOrFail(missing),
  timeout: 900_000,
}, async (t) => {
  const results = (await shortForm("tunnels", t)) as Results;
  const lines = verdicts(results);
  assert.equal(lines.length, 8 * 3, "every service, SSH beside OpenSSH's too: up, down and logins");
  for (const { title, what, share } of lines) {
    // Of logins a second makes a handful: one packet that is sent again decides.
    const least = what === "logins" ? Number.MIN_VALUE : LEAST_SHARE;
    assert.ok(share >= least, `${title}, ${what}: ${share} of by hand`);
  }
  for (const { up, down } of results.ceiling) assert.ok(up > 0 && down > 0);
});

test("what is below the share is named, but where by hand is another engine: that is shown alone", () => {
  const figures = (rate: number) => ({ rates: [{ up: rate, down: rate }], logins: [rate] });
  const row = (id: string, title: string) => ({ id, title, lethe: figures(90), hand: figures(100) });
  const results: Results = {
    ceiling: [{ up: 200, down: 200 }],
    rows: [row("ssh", "SSH"), row("ssh-openssh", "SSH (by hand: OpenSSH)")],
  };
  assert.deepEqual(
    shortfalls(results).map(({ title, what }) => `${title}, ${what}`),
    ["SSH, up", "SSH, down"],
  );
  assert.match(table(results), /^\| SSH \(by hand: OpenSSH\) \| 90 \| 0\.45 \| 0\.90 \|/m);
});
