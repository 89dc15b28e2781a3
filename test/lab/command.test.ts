import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { dataFolder, lethe, up, WITHOUT_ROOT } from "./host-provider.ts";
import { type Output, PATIENCE_MS, run, until } from "./namespace.ts";
import { skipOrFail } from "./requirements.ts";

/** The `lethe` command beside a running provider, as the operator types it. */
describe("the command", { skip: skipOrFail() }, () => {
  let data = "";
  let started: ReturnType<typeof up>;
  const command = (words: string[], input?: string): Promise<Output> =>
    run([lethe, "--data", data, ...words], { ...(input !== undefined && { input }) });
  const json = async (words: string[], input?: string) => {
    const { code, stdout, stderr } = await command([...words, "--json"], input);
    assert.equal(code, 0, stderr + stdout);
    return JSON.parse(stdout);
  };

  before(async () => {
    ({ data } = await dataFolder("command"));
    started = up(data, WITHOUT_ROOT);
    await until(
      () => `the provider\n${started.said()}`,
      PATIENCE_MS,
      async () => /SOCKS5/.test(started.said()),
    );
  });

  test("speaks to the office through a 0600 socket in the data folder", () => {
    assert.equal(statSync(join(data, "office", "control.sock")).mode & 0o777, 0o600);
  });

  test("account add takes the password from standard input, never from its words", async () => {
    const made = await json(["account", "add", "Alice", "--days", "3"], "correct horse battery\n");
    assert.equal(made.name, "alice");
    assert.ok(made.paidUntil > Date.now() / 1000 + 2.9 * 86_400);
    const again = await command(["account", "add", "alice"], "correct horse battery\n");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /There is an account of that name already/);
    const short = await command(["account", "add", "bob"], "short\n");
    assert.equal(short.code, 1);
    assert.match(short.stderr, /at least 10 characters/);
    assert.equal((await command(["account", "add", "bob"], "")).code, 1);
    const generated = await json([
      "account",
      "add",
      "carol",
      "--generate-password",
      "--email",
      "carol@example.net",
    ]);
    assert.match(generated.password, /^([a-z2-7]{5}-){3}[a-z2-7]{5}$/);
  });

  test("account show, extend, renew, terminate, reinstate and delete do what they say", async () => {
    const shown = await json(["account", "show", "carol"]);
    assert.equal(shown.email, "carol@example.net");
    assert.equal(shown.paidUntil, undefined);
    assert.equal(shown.devices, 0);
    const extended = await json(["account", "extend", "carol", "--days", "10"]);
    assert.ok(extended.paidUntil > Date.now() / 1000 + 9.9 * 86_400);
    assert.deepEqual(await json(["account", "renew", "carol"]), { renewed: 1 });
    assert.deepEqual(await json(["account", "renew", "--all"]), { renewed: 2 });
    assert.equal((await json(["account", "terminate", "carol"])).terminated, true);
    const refused = await command(["account", "extend", "carol", "--days", "1"]);
    assert.match(refused.stderr, /terminated; reinstate it first/);
    assert.equal((await json(["account", "reinstate", "carol"])).terminated, false);
    assert.equal((await command(["account", "delete", "carol"])).code, 2, "without --yes");
    assert.deepEqual(await json(["account", "delete", "carol", "--yes"]), { deleted: "carol" });
    const gone = await command(["account", "show", "carol"]);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /There is no account of that name/);
  });

  test("voucher make prints as many codes as asked for, and no more than it may", async () => {
    const { codes } = await json(["voucher", "make", "--days", "5", "--count", "3"]);
    assert.equal(new Set(codes).size, 3);
    for (const code of codes) assert.match(code, /^([a-z2-7]{5}-){3}[a-z2-7]{5}$/);
    const { code, stderr } = await command(["voucher", "make", "--count", "10001"]);
    assert.equal(code, 2);
    assert.match(stderr, /a whole number from 1 to 10000/);
  });

  test("status and inventory speak to people and to programs", async () => {
    const status = await json(["status"]);
    assert.equal(status.data, data);
    assert.ok(status.services.some(({ service }: { service: string }) => service === "socks5"));
    assert.match((await command(["status"])).stdout, /SOCKS5 .*ready/);
    const entries = await json(["inventory"]);
    assert.ok(
      entries.some(({ table, column }: Record<string, string>) => table === "accounts" && column === "email"),
    );
    assert.match((await command(["inventory"])).stdout, /table accounts\.email\n {2}what/);
  });

  test("doctor looks at everything, says what to do, and fails where something is bad", async () => {
    const { code, stdout } = await command(["doctor", "--json"]);
    const findings = JSON.parse(stdout) as { check: string; state: string; remedy: string }[];
    for (const check of ["settings", "packages", "ports", "forwarding", "DNS", "clock", "IPv6", "disk"])
      assert.ok(
        findings.some((finding) => finding.check === check),
        check,
      );
    // The resolver in this lethe.toml is a closed port.
    assert.ok(findings.some(({ check, state }) => check === "DNS" && state === "bad"));
    assert.equal(code, 1);
    for (const { check, state, remedy } of findings) if (state !== "good") assert.notEqual(remedy, "", check);
  });

  test("wrong words are exit code 2 with help, help itself is 0", async () => {
    for (const words of [
      ["frobnicate"],
      ["account"],
      ["account", "renew"],
      ["account", "extend", "alice"],
      ["--frob"],
    ])
      assert.equal((await command(words)).code, 2, words.join(" "));
    const help = await command(["account", "--help"]);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /add \[options\] <username>/);
  });

  test("stop ends the provider and says so", async () => {
    const { code, stdout } = await command(["stop"]);
    assert.equal(code, 0);
    assert.match(stdout, /stopped/);
    assert.equal(await started.ended, 0);
  });
});
