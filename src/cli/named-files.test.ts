import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { skipFor } from "../lib/testing.ts";
import { parseConfig } from "../office/config.ts";
import { readOwnTexts } from "../office/own-texts.ts";
import { filesForOffice } from "./credentials.ts";
import { fileProblems } from "./named-files.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
const problemsOf = (toml: string, env: NodeJS.ProcessEnv = {}) =>
  fileProblems(parseConfig(toml, "lethe.toml"), env);

/** A folder in which everybody may look. */
function world(context: { after(end: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), "lethe-named-"));
  context.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  return {
    folder,
    file(name: string, text: string, mode: number): string {
      const path = join(folder, name);
      writeFileSync(path, text);
      chmodSync(path, mode);
      return path;
    },
  };
}

/** lethe.toml with every setting that names a file. */
const naming = (path: (name: string) => string): string => `
[site]
listen = ["127.0.0.1:9443"]
url = "https://vpn.example.net"
texts = "${path("texts")}"
[theme]
logo = "${path("logo.svg")}"
[tls]
certificate = "${path("site.crt")}"
key = "${path("site.key")}"
acme_authority = "${path("ca.pem")}"
[store]
url = "postgres://lethe@db.example.net/lethe?sslrootcert=${path("db.pem")}"
[blocklists]
ads = ["${path("ads")}", "https://lists.example.net/ads"]
malware = ["${path("malware")}"]
[mail]
password_file = "${path("mail.password")}"
[analytics]
google_id = "G-ABC123DEF4"
secret_file = "${path("analytics.secret")}"
[alerts]
command = ["${path("tell")}", "--now"]
[paypal]
secret_file = "${path("paypal.secret")}"
[btcpay]
api_key_file = "${path("btcpay.key")}"
webhook_secret_file = "${path("btcpay.webhook")}"
`;
const SECRETS = ["mail.password", "analytics.secret", "paypal.secret", "btcpay.key", "btcpay.webhook"];

describe("the files that lethe.toml names", () => {
  test("are all looked for, and each that is missing is told by its key", () => {
    const lines = problemsOf(naming((name) => `/nowhere/${name}`));
    const keys = lines.map((line) => line.slice(0, line.indexOf(":")));
    assert.deepEqual(keys.toSorted(), [
      "alerts.command",
      "analytics.secret_file",
      "blocklists.ads",
      "blocklists.malware",
      "btcpay.api_key_file",
      "btcpay.webhook_secret_file",
      "mail.password_file",
      "paypal.secret_file",
      "site.texts",
      "store.url",
      "theme.logo",
      "tls.acme_authority",
      "tls.certificate",
      "tls.key",
    ]);
    for (const line of lines)
      assert.match(line, /\/nowhere\/\S+ cannot be (?:read|run): it does not exist\.$/, line);
  });

  test("are no matter where all are there, and whatever reads them can", (context) => {
    const { folder, file } = world(context);
    for (const name of [...SECRETS, "site.key"]) file(name, "secret\n", 0o600);
    for (const name of ["site.crt", "ca.pem", "db.pem", "ads", "malware"]) file(name, "text\n", 0o644);
    file("logo.svg", "<svg></svg>", 0o644);
    file("tell", "#!/bin/sh\n", 0o755);
    mkdirSync(join(folder, "texts"));
    const toml = naming((name) => join(folder, name));
    assert.deepEqual(problemsOf(toml), []);
    assert.deepEqual(problemsOf(""), []);
  });

  test("are told where they are something else, empty, or a secret that others may read", (context) => {
    const { folder, file } = world(context);
    const open = file("open", "secret", 0o644);
    const empty = file("empty", "", 0o600);
    assert.deepEqual(
      problemsOf(
        `[paypal]\nsecret_file = "${folder}"\n[btcpay]\napi_key_file = "${open}"\nwebhook_secret_file = "${empty}"\n[site]\ntexts = "${open}"\n[theme]\nlogo = "${folder}"`,
      ),
      [
        `paypal.secret_file: ${folder} cannot be read: a folder stands where a file should.`,
        `btcpay.webhook_secret_file: ${empty} is empty, or too large for what should stand there.`,
        `btcpay.api_key_file: ${open} is a secret, and others may read it: chmod o-r ${open}`,
        `site.texts: ${open} cannot be read: a file stands where a folder should.`,
        `theme.logo: ${folder} cannot be read: a folder stands where a file should.`,
      ],
    );
  });

  test("are looked at as the office's user where that is to read them", {
    skip: skipFor(process.getuid!() !== 0 && "needs root"),
  }, (context) => {
    const { file } = world(context);
    const [list, tell] = [file("list", "a.example\n", 0o600), file("tell", "#!/bin/sh\n", 0o700)];
    assert.deepEqual(problemsOf(`[blocklists]\nadult = ["${list}"]\n[alerts]\ncommand = ["${tell}"]`), [
      `blocklists.adult: ${list} cannot be read: the office's user (lethe-office) may not use it.`,
      `alerts.command: ${tell} cannot be run: the office's user (lethe-office) may not use it.`,
    ]);
  });

  test("may be systemd's credentials, of which nobody knows outside the unit", (context) => {
    const { folder } = world(context);
    const toml = '[paypal]\nsecret_file = "paypal.secret"\n';
    assert.deepEqual(problemsOf(toml), []);
    assert.deepEqual(problemsOf(toml, { CREDENTIALS_DIRECTORY: folder }), [
      `paypal.secret_file: ${folder}/paypal.secret cannot be read: it does not exist.`,
    ]);
  });

  test("are told by a start in the same words", () => {
    const toml = '[site]\ntexts = "/nowhere/texts"\n[mail]\npassword_file = "/nowhere/password"\n';
    const config = parseConfig(toml, "lethe.toml");
    const [password, texts, ...more] = problemsOf(toml);
    assert.deepEqual(more, []);
    assert.throws(() => filesForOffice(config, {}), { message: password! });
    assert.throws(() => readOwnTexts(config.site.texts), { message: texts! });
  });

  test("are part of `lethe check`, which ends with 1 where one is wrong", async (context) => {
    const { folder } = world(context);
    const toml = join(folder, "lethe.toml");
    const check = (...words: string[]) =>
      promisify(execFile)(process.execPath, [MAIN, "--data", folder, ...words, "check"]).then(
        ({ stdout }) => ({ code: 0, said: stdout }),
        ({ code, stdout, stderr }) => ({ code, said: `${stdout}${stderr}` }),
      );
    const wrong =
      "site.texts: /nowhere/texts cannot be read: it does not exist.\ntheme.logo: /nowhere/logo cannot be read: it does not exist.";
    writeFileSync(toml, '[site]\ntexts = "/nowhere/texts"\n[theme]\nlogo = "/nowhere/logo"\n');
    assert.deepEqual(await check(), { code: 1, said: `${wrong}\n` });
    assert.deepEqual(await check("--json"), { code: 1, said: `${JSON.stringify({ error: wrong })}\n` });
    writeFileSync(toml, "");
    assert.deepEqual(await check(), { code: 0, said: `${toml} is right.\n` });
  });
});
