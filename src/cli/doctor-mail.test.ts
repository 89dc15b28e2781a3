import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { freePorts } from "../lib/testing.ts";
import { type Config, parseConfig } from "../office/config.ts";
import { checkMail } from "./doctor-mail.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-doctor-mail-"));
after(() => rmSync(folder, { recursive: true }));
const settings = (lines: string): Config => parseConfig(`[mail]\n${lines}`, "lethe.toml");
const server = (port: number, more = "") =>
  settings(`host = "127.0.0.1"\nport = ${port}\nfrom = "office@vpn.example.net"\n${more}`);

test("without a mail server the operator is told what there is not", async () => {
  const { state, found } = await checkMail(settings(""));
  assert.equal(state, "note");
  assert.match(found, /nobody can reset a forgotten password/);
});

test("a mail server that answers is fine; one that does not, or a password that cannot be read, is bad", async () => {
  const listening = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as { port: number };
  assert.equal((await checkMail(server(port))).state, "good");
  const password = join(folder, "password");
  const login = `user = "office"\npassword_file = ${JSON.stringify(password)}`;
  const unreadable = await checkMail(server(port, login));
  assert.equal(unreadable.state, "bad");
  assert.match(unreadable.found, /password_file: .* cannot be read/);
  writeFileSync(password, "secret\n");
  assert.equal((await checkMail(server(port, login))).state, "good");
  await new Promise((resolve) => listening.close(resolve));
  const [free] = await freePorts(1);
  const away = await checkMail(server(free!));
  assert.equal(away.state, "bad");
  assert.match(away.remedy, /port 25/);
});
