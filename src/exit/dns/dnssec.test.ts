import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  type Answer,
  AUTHENTIC_DATA,
  AUTHORITATIVE_ANSWER,
  DNSSEC_OK,
  decode,
  encode,
  type Packet,
  RECURSION_DESIRED,
} from "dns-packet";
import { findProgram } from "../../lib/run-command.ts";
import { freePort, skipFor } from "../../lib/testing.ts";
import { SELF_TEST_NAME } from "../self-test/target.ts";
import { validationWorks } from "../self-test/validation.ts";
import { filteringConfiguration, resolverConfiguration } from "./configuration.ts";

const ECDSAP256SHA256 = 13; // RFC 6605 section 4
const ZONE = "signed";
const TTL_S = 300;
const DAY_S = 86_400;
const ADDRESS = "1.2.3.4";
const OTHER_ADDRESS = "1.2.3.5";
const NOBODY = 65_534;

/** A zone, and its key in the place of the root's. */
function signedZone(): { zone: Record<string, Answer[]>; anchor: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x = "", y = "" } = publicKey.export({ format: "jwk" });
  const key = Buffer.concat([Buffer.from(x, "base64url"), Buffer.from(y, "base64url")]);
  // Zone key and secure entry point (RFC 4034 section 2.1.1).
  const dnskey: Answer = record(ZONE, "DNSKEY", { flags: 257, algorithm: ECDSAP256SHA256, key });
  const keyTag = keyTagOf(rdata(dnskey));
  const nowS = Math.floor(Date.now() / 1000);

  /** The signature of one record, which is in canonical form as it is (RFC 4034 section 3.1.8.1). */
  const signatureOf = (signed: Answer, untilS = nowS + DAY_S): Answer => {
    const rrsig = (signature: Buffer): Answer =>
      record(signed.name, "RRSIG", {
        typeCovered: signed.type,
        algorithm: ECDSAP256SHA256,
        labels: signed.name.split(".").length,
        originalTTL: TTL_S,
        inception: untilS - 2 * DAY_S,
        expiration: untilS,
        keyTag,
        signersName: ZONE,
        signature,
      });
    const data = Buffer.concat([rdata(rrsig(Buffer.alloc(0))), wire(signed)]);
    return rrsig(sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" }));
  };
  const [good, changed, unsigned, expired] = ["good", "changed", "unsigned", "expired"].map((name) =>
    record(`${name}.${ZONE}`, "A", ADDRESS),
  ) as [Answer, Answer, Answer, Answer];
  return {
    zone: {
      [`${ZONE} DNSKEY`]: [dnskey, signatureOf(dnskey)],
      [`good.${ZONE} A`]: [good, signatureOf(good)],
      [`changed.${ZONE} A`]: [record(changed.name, "A", OTHER_ADDRESS), signatureOf(changed)],
      [`unsigned.${ZONE} A`]: [unsigned],
      // Longer ago than the day at most that unbound grants (val-sig-skew-max).
      [`expired.${ZONE} A`]: [expired, signatureOf(expired, nowS - 3 * DAY_S)],
    },
    anchor: `${ZONE}. IN DNSKEY 257 3 ${ECDSAP256SHA256} ${key.toString("base64")}\n`,
  };
}

const record = (name: string, type: string, data: unknown): Answer =>
  ({ name, type, ttl: TTL_S, class: "IN", data }) as Answer;
/** As it stands in a message, behind the header of twelve bytes; nothing is compressed. */
const wire = (answer: Answer): Buffer => encode({ answers: [answer] }).subarray(12);
const rdata = (answer: Answer): Buffer => wire(answer).subarray(answer.name.length + 2 + 10);

/** RFC 4034 appendix B. */
function keyTagOf(bytes: Buffer): number {
  const sum = bytes.reduce((all, byte, index) => all + (index % 2 === 0 ? byte << 8 : byte), 0);
  return (sum + ((sum >> 16) & 0xffff)) & 0xffff;
}

/** RFC 3225: DNSSEC is spoken here. */
const EDNS: Answer = {
  name: ".",
  type: "OPT",
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: DNSSEC_OK,
  flag_do: true,
  options: [],
};

/** The name server of that zone; its port. What it does not have is not there, and nothing proves that. */
async function serve(t: TestContext, zone: Record<string, Answer[]>): Promise<number> {
  const socket = createSocket("udp4", (message, from) => {
    const { id, questions = [] } = decode(message);
    const answers = zone[`${questions[0]?.name} ${questions[0]?.type}`] ?? [];
    const head = { type: "response", id: id!, flags: AUTHORITATIVE_ANSWER } as const;
    const answer = encode({ ...head, questions, answers, additionals: [EDNS] });
    socket.send(answer, from.port, from.address);
  });
  t.after(() => socket.close());
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket.address().port;
}

/** Asks as a stub does that would like to know whether the answer is proven (RFC 6840 section 5.7). */
async function ask(port: number, address: string, name: string) {
  const socket = createSocket("udp4");
  try {
    const question: Packet = {
      type: "query",
      id: 1,
      flags: RECURSION_DESIRED | AUTHENTIC_DATA,
      questions: [{ type: "A", name }],
    };
    const timer = setInterval(() => socket.send(encode(question), port, address), 300);
    socket.send(encode(question), port, address);
    const [bytes] = (await once(socket, "message").finally(() => clearInterval(timer))) as [Buffer];
    const { rcode, flag_ad, answers = [] } = decode(bytes) as ReturnType<typeof decode> & { rcode: string };
    const found = answers.find(({ type }) => type === "A") as { data?: string } | undefined;
    return [rcode, ...(flag_ad ? ["AD"] : []), ...(found?.data ? [found.data] : [])].join(" ");
  } finally {
    socket.close();
  }
}

/**
 * unbound, without root, with this configuration: its addresses inside the tunnels become ones of loopback, and its port a high
 * one. `next`: where it asks instead.
 */
async function start(
  t: TestContext,
  folder: string,
  configuration: string,
  next: { stub?: number; forward?: number },
) {
  const port = await freePort("127.66.255.1");
  const more = [
    "server:",
    "do-not-query-localhost: no",
    ...(next.stub === undefined
      ? []
      : ["stub-zone:", `name: "${ZONE}"`, `stub-addr: 127.0.0.1@${next.stub}`]),
  ];
  const path = join(folder, `${port}.conf`);
  const here = configuration
    .replaceAll("10.66.255.", "127.66.255.")
    .replace("  port: 53\n", `  port: ${port}\n`)
    .replace(/(forward-addr: \S+)/, `$1@${next.forward}`);
  writeFileSync(path, `${here}${more.join("\n")}\n`, { mode: 0o644 });
  const engine = spawn(findProgram("unbound")!, ["-d", "-c", path], {
    stdio: ["ignore", "ignore", "pipe"],
    ...(process.getuid!() === 0 && { uid: NOBODY, gid: NOBODY }),
  });
  let said = "";
  engine.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const gone = once(engine, "exit");
  t.after(async () => {
    engine.kill("SIGKILL");
    await gone;
  });
  const address = `127.66.255.${configuration.includes("interface: 10.66.255.1\n") ? 1 : 2}`;
  const answered = await Promise.race([ask(port, address, SELF_TEST_NAME), gone.then(() => "gone")]);
  assert.match(answered, /^NOERROR/, said);
  return { port, ask: (name: string) => ask(port, address, name) };
}

test("what DNSSEC does not prove is not answered, by either resolver; without the root's key it is", {
  timeout: 300_000,
}, async (t) => {
  if (findProgram("unbound") === undefined) return t.skip(skipFor("unbound is not installed"));
  const folder = mkdtempSync(join(tmpdir(), "lethe-dnssec-"));
  t.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const { zone, anchor } = signedZone();
  const rootKey = join(folder, "root.key");
  const names = join(folder, "ads.names");
  writeFileSync(rootKey, anchor);
  writeFileSync(names, 'local-zone: "ads." always_nxdomain\nlocal-zone-tag: "ads." "ads"\n');
  const stub = await serve(t, zone);
  const settings = { dns: { forward: [] }, egress: { allow: [], deny: [], denyPorts: [] } };
  const place = { user: undefined, rootKey, ipv6: false, ipv6Uplink: false };
  const believing = { ...place, rootKey: undefined };
  const lists = [{ list: "ads", path: names }] as const;
  const first = (at: typeof place | typeof believing) =>
    start(t, folder, resolverConfiguration(settings, at), { stub });
  const levels = (at: typeof place | typeof believing, { port }: { port: number }) =>
    start(t, folder, filteringConfiguration(settings, at, lists), { forward: port });

  const [none, control] = [await first(place), await first(believing)];
  const blocking = await levels(place, none);
  const alone = await levels(place, control);
  const controlBlocking = await levels(believing, control);
  for (const [who, validating] of Object.entries({
    none,
    blocking,
    "blocking, behind one that believes": alone,
  })) {
    assert.equal(await validating.ask(`good.${ZONE}`), `NOERROR AD ${ADDRESS}`, who);
    for (const name of ["changed", "unsigned", "expired"])
      assert.equal(await validating.ask(`${name}.${ZONE}`), "SERVFAIL", `${who}: ${name}`);
  }
  for (const believer of [control, controlBlocking]) {
    assert.equal(await believer.ask(`good.${ZONE}`), `NOERROR ${ADDRESS}`);
    assert.equal(await believer.ask(`changed.${ZONE}`), `NOERROR ${OTHER_ADDRESS}`);
    for (const name of ["unsigned", "expired"])
      assert.equal(await believer.ask(`${name}.${ZONE}`), `NOERROR ${ADDRESS}`);
  }
});

test("what forwarders answer is validated; those that pass no signatures on are of use only where they are believed", {
  timeout: 300_000,
}, async (t) => {
  if (findProgram("unbound") === undefined) return t.skip(skipFor("unbound is not installed"));
  const folder = mkdtempSync(join(tmpdir(), "lethe-dnssec-"));
  t.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const { zone, anchor } = signedZone();
  const rootKey = join(folder, "root.key");
  writeFileSync(rootKey, anchor);
  const place = { user: undefined, rootKey, ipv6: false, ipv6Uplink: false };
  const bare = Object.fromEntries(
    Object.entries(zone).map(([question, answers]) => [
      question,
      answers.filter(({ type }) => type !== "RRSIG"),
    ]),
  );
  const [passing, stripping] = [await serve(t, zone), await serve(t, bare)];
  const egress = { allow: [], deny: [], denyPorts: [] };
  const resolver = (forward: number, dns = {}) => {
    const settings = { dns: { forward: ["127.0.0.1"], ...dns }, egress };
    return start(t, folder, resolverConfiguration(settings, place), { forward });
  };
  const validating = await resolver(passing);
  assert.equal(await validating.ask(`good.${ZONE}`), `NOERROR AD ${ADDRESS}`);
  for (const name of ["changed", "unsigned", "expired"])
    assert.equal(await validating.ask(`${name}.${ZONE}`), "SERVFAIL", name);
  const useless = await resolver(stripping);
  assert.equal(await useless.ask(`good.${ZONE}`), "SERVFAIL");
  const believing = await resolver(stripping, { validate: false });
  assert.equal(await believing.ask(`good.${ZONE}`), `NOERROR ${ADDRESS}`);
  assert.equal(await believing.ask(`changed.${ZONE}`), `NOERROR ${OTHER_ADDRESS}`);
});

test("the exit's test of itself tells forwarders without signatures from those that are believed", {
  timeout: 300_000,
}, async (t) => {
  if (findProgram("unbound") === undefined) return t.skip(skipFor("unbound is not installed"));
  const folder = mkdtempSync(join(tmpdir(), "lethe-dnssec-"));
  t.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const rootKey = join(folder, "root.key");
  // The root's, as IANA publishes it; of these forwarders nothing proves true by any.
  writeFileSync(
    rootKey,
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n",
  );
  const soa = { mname: "a.test", rname: "b.test", serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 };
  const forward = await serve(t, { ". SOA": [record(".", "SOA", soa)] });
  const works = async (dns: { validate?: false }) => {
    const settings = {
      dns: { forward: ["127.0.0.1"], ...dns },
      egress: { allow: [], deny: [], denyPorts: [] },
    };
    const place = { user: undefined, rootKey, ipv6: false, ipv6Uplink: false };
    const { port } = await start(t, folder, resolverConfiguration(settings, place), { forward });
    return validationWorks({ address: "127.66.255.1", port, timeoutMs: 20_000 });
  };
  assert.equal(await works({}), false);
  assert.equal(await works({ validate: false }), true);
});
