import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parseConfig } from "../office/config.ts";
import { filesForOffice, officeSecrets, openSecrets, secretFile } from "./credentials.ts";
import { StartError } from "./start-error.ts";

describe("systemd's credentials", () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-credentials-"));
  const env = { CREDENTIALS_DIRECTORY: folder };
  after(() => rmSync(folder, { recursive: true }));

  it("are the office's keys by their names, and nothing else that lies there", () => {
    assert.deepEqual(officeSecrets({}), {});
    assert.deepEqual(officeSecrets(env), {});
    writeFileSync(join(folder, "site.secret"), "a secret");
    writeFileSync(join(folder, "other"), "something else");
    assert.deepEqual(officeSecrets(env), { "site.secret": Buffer.from("a secret").toString("base64") });
    writeFileSync(join(folder, "roster.key"), "");
    assert.throws(() => officeSecrets(env), StartError);
  });

  it("are found by name; a path is a path", () => {
    assert.equal(secretFile("tls.key", "/etc/ssl/key", env), "/etc/ssl/key");
    assert.equal(secretFile("tls.key", "site.key", env), join(folder, "site.key"));
    assert.throws(
      () => secretFile("tls.key", "site.key", {}),
      /tls.key is "site.key", the name of a systemd/,
    );
  });

  it("are what a setting that ends in _file names, or the file at its path; without the line break at the end", () => {
    const path = join(folder, "key");
    writeFileSync(path, "an API key\n");
    writeFileSync(join(folder, "hook"), "a webhook secret");
    const config = (apiKey: string) =>
      parseConfig(`[btcpay]\napi_key_file = "${apiKey}"\nwebhook_secret_file = "hook"`, "lethe.toml");
    assert.deepEqual(filesForOffice(parseConfig("", "lethe.toml"), {}), { settingsFiles: {} });
    assert.deepEqual(filesForOffice(config(path), env), {
      settingsFiles: {
        "btcpay.api_key_file": "an API key",
        "btcpay.webhook_secret_file": "a webhook secret",
      },
    });
    writeFileSync(path, "\n");
    assert.throws(() => filesForOffice(config(path), env), /btcpay.api_key_file: .* nothing but blanks/);
    assert.throws(() => filesForOffice(config("/nowhere"), env), StartError);
  });

  it("are missed all at once, each by its key", () => {
    const config = parseConfig(
      '[btcpay]\napi_key_file = "/nowhere/key"\n[tls]\nacme_authority = "/nowhere/ca"',
      "lethe.toml",
    );
    assert.throws(() => filesForOffice(config, env), {
      message:
        "btcpay.api_key_file: /nowhere/key cannot be read: it does not exist.\ntls.acme_authority: /nowhere/ca cannot be read: it does not exist.",
    });
  });

  it("in a file that every user of the machine can read are told", () => {
    const path = join(folder, "open");
    writeFileSync(path, "a secret", { mode: 0o644 });
    chmodSync(path, 0o644);
    const config = parseConfig(`[mail]\npassword_file = "${path}"`, "lethe.toml");
    assert.deepEqual(openSecrets(config, env), [], "the folder lets nobody in");
    chmodSync(folder, 0o755);
    assert.deepEqual(openSecrets(config, env), [
      `mail.password_file: ${path} is a secret, and others may read it: chmod o-r ${path}`,
    ]);
    chmodSync(path, 0o640);
    assert.deepEqual(openSecrets(config, env), []);
    chmodSync(folder, 0o700);
  });
});
