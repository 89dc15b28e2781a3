import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { after, before, describe, it } from "node:test";
import { skipFor } from "../lib/testing.ts";
import { Challenges } from "./challenges.ts";
import { order } from "./order.ts";
import { checkPair } from "./pair.ts";
import { newKeyPem } from "./request.ts";
import { BLOCKED_NAME, type Pebble, randomName, startPebble } from "./testing.ts";

describe("orders at an ACME authority (pebble, on loopback)", { timeout: 300_000 }, () => {
  const challenges = new Challenges();
  let pebble: Pebble | undefined;
  let port: Server;

  before(async () => {
    pebble = await startPebble();
    if (pebble === undefined) return;
    port = createServer((asked, answer) => answer.end(challenges.answer(asked.url ?? "") ?? "nothing"));
    await once(port.listen(pebble.challengePort, "127.0.0.1"), "listening");
  });
  after(async () => {
    port?.close();
    await pebble?.stop();
  });
  const options = (names: string[]) => ({
    directory: pebble!.directory,
    directoryAuthority: pebble!.authority,
    email: "",
    names,
    accountKey: newKeyPem(),
    challenges,
  });

  it("bring a certificate for every name, with the chain to the authority", async (t) => {
    if (!pebble) return t.skip(skipFor("pebble is not installed"));
    const names = [randomName(), randomName()];
    const made = await order({ ...options(names), email: "operator@example.net" });
    assert(made.ok, JSON.stringify(made));
    assert(checkPair(made.value, names, Date.now()).ok);
    const [leaf, issuer] = made.value.certificate.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----/g)!;
    assert(new X509Certificate(leaf!).verify(new X509Certificate(issuer!).publicKey));
    assert(new X509Certificate(issuer!).verify(new X509Certificate(await pebble.root()).publicKey));
    assert.equal(challenges.answer("/.well-known/acme-challenge/"), undefined);
  });

  it("go on with the account they had", async (t) => {
    if (!pebble) return t.skip(skipFor("pebble is not installed"));
    const accountKey = newKeyPem();
    for (const name of [randomName(), randomName()])
      assert((await order({ ...options([name]), accountKey })).ok);
  });

  it("end with what is wrong, in closed words", async (t) => {
    if (!pebble) return t.skip(skipFor("pebble is not installed"));
    const name = randomName();
    const problem = async (changes: Partial<ReturnType<typeof options>>) => {
      const made = await order({ ...options([name]), ...changes });
      return made.ok ? undefined : made.error;
    };
    assert.equal(await problem({ directory: "https://127.0.0.1:1/dir" }), "unreachable");
    // Without its authority the directory is not believed.
    assert.equal(await problem({ directoryAuthority: undefined as never }), "unreachable");
    assert.equal(await problem({ directory: `${pebble.directory}/nothing` }), "directory");
    assert.equal(await problem({ email: "nobody" }), "account");
    assert.equal(await problem({ names: [BLOCKED_NAME] }), "name-refused");
    const deaf = new Challenges();
    deaf.put = () => {};
    assert.equal(await problem({ challenges: deaf }), "challenge");
  });
});
