import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parseConfig } from "../office/config.ts";
import { officeSecrets, secretFile, settingsFiles } from "./credentials.ts";
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
    assert.deepEqual(settingsFiles(parseConfig("", "lethe.toml"), {}), {});
    assert.deepEqual(settingsFiles(config(path), env), {
      "btcpay.api_key_file": "an API key",
      "btcpay.webhook_secret_file": "a webhook secret",
    });
    writeFileSync(path, "\n");
    assert.throws(() => settingsFiles(config(path), env), /btcpay.api_key_file: .* nothing but blanks/);
    assert.throws(() => settingsFiles(config("/nowhere"), env), StartError);
  });
});
