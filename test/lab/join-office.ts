import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { certificateName } from "../../src/link/certificate-name.ts";
import {
  enrolmentAnswerMac,
  enrolmentRequest,
  enrolmentRequestMac,
  formatJoinCode,
  sameMac,
} from "../../src/link/enrolment.ts";
import { siteTag } from "../../src/link/nats-subjects.ts";
import { RosterPublisher } from "../../src/link/publisher.ts";
import type { Health } from "../../src/link/reports.ts";
import type { ServerSettings } from "../../src/link/settings.ts";
import { generateSiteKey } from "../../src/link/site-key.ts";
import { settingsFor } from "../../src/link/testing.ts";
import { signExitRequest } from "../../src/office/authority.ts";
import { ExitFiles, openExitMaterial } from "../../src/office/exit-files.ts";
import { ensureKeys } from "../../src/office/keys.ts";
import { natsBench } from "../../src/office/nats-testing.ts";

/**
 * An office that does what a join needs and what a test tells it: real files, real nats-server, real roster. Run inside the
 * machine that is to join; says {line, code} on standard output when it serves.
 *
 *   /test/refuse/REASON   enrolments are refused so; /test/refuse/no: they are not
 *   /test/tamper/on|off   the bundle is changed on its way
 *   /test/upgrade/good|bad  the exit is told to run another release: one that works, or one that ends at its start
 *   /test/health          the last Health report
 */
const [port = "8080"] = process.argv.slice(2);
const server = "london1";
const code = { server, tokenId: "abcdefgh", token: "abcdefghijklmnopqrstuvwxyz" };
const site = `http://127.0.0.1:${port}`;

const key = generateSiteKey();
const tag = siteTag(key.publicKey);
const bench = await natsBench({ site: tag });
const folder = mkdtempSync(join(tmpdir(), "lethe-join-"));
const material = openExitMaterial();
const files = new ExitFiles({ folder, site, siteTag: tag, material });
const { tlsCrypt } = ensureKeys(bench.folder);

let health: Health | undefined;
let refusal: string | undefined;
let tamper = false;
let users: { server: string; nkey: string }[] = [];

const publisher = new RosterPublisher({
  key,
  clock: systemClock,
  carriers: [],
  log: () => {},
  files: (sha256, offset) => files.read(sha256, offset),
  sign: (name, request) => signExitRequest(bench.folder, certificateName(name), request),
});
publisher.onReport(async (report) => {
  if (report.kind === "health") health = report;
});
const any = (listenPort: number) => ({ listen: [{ address: "127.0.0.1", port: listenPort }] });
const settings = (release?: ServerSettings["release"]): ServerSettings =>
  settingsFor(server, {
    services: {
      socks5: any(1080),
      http: any(3128),
      openvpn: { listen: [{ protocol: "udp", address: "127.0.0.1", port: 1194 }], tlsCrypt },
    },
    ...(release && { release }),
  });
publisher.setSettings(server, settings());
await publisher.start();
await bench.server.setUsers(users);
let linked = false;

async function enrol(text: string): Promise<[number, object]> {
  if (refusal !== undefined) return [refusal === "slow-down" ? 429 : 403, { error: refusal }];
  const { mac, ...request } = enrolmentRequest.parse(JSON.parse(text));
  if (!sameMac(mac, enrolmentRequestMac(code.token, request))) return [403, { error: "unknown" }];
  refusal = "used";
  users = [{ server, nkey: request.nkey }];
  await bench.server.setUsers(users);
  if (!linked) await publisher.addCarrier(bench.newOffice());
  linked = true;
  const sitePublicKey = Buffer.from(key.publicKey).toString("base64");
  const link = { servers: [bench.address], site: tag };
  const answer = { server, sitePublicKey, ca: bench.ca, link, nonce: request.nonce };
  return [200, { ...answer, mac: enrolmentAnswerMac(code.token, answer) }];
}

/** The bundle that is served, changed: its SHA-256 makes it another release. */
async function upgrade(how: string): Promise<void> {
  const { runtimes } = await files.release();
  const first = how === "good" ? "// another\n" : "process.exit(1);\n";
  const bytes = Buffer.concat([Buffer.from(first), material.bundle.bytes]);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(folder, `bundle-${sha256}.mjs`), bytes);
  publisher.setSettings(server, settings({ bundle: { sha256, bytes: bytes.length }, runtimes }));
}

const http = createServer(async (request, response) => {
  const say = (status: number, body: object) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  const [, first, what, how = ""] = (request.url ?? "").split("/");
  if (request.method === "POST") {
    let text = "";
    for await (const chunk of request) text += chunk;
    return void say(...(await enrol(text)));
  }
  if (first === "test") {
    if (what === "refuse") refusal = how === "no" ? undefined : how;
    if (what === "tamper") tamper = how === "on";
    if (what === "upgrade") await upgrade(how);
    return void say(200, { health });
  }
  const file = files.serve(request.url ?? "");
  if (file === undefined) return void say(404, {});
  response.writeHead(200, { "content-type": file.contentType });
  if (tamper && file.file.endsWith(".mjs")) return void response.end("console.log('not what was promised')");
  createReadStream(file.file).pipe(response);
});
const line = await files.line(formatJoinCode(code));
http.listen(Number(port), "127.0.0.1", () =>
  process.stdout.write(`${JSON.stringify({ line, code: formatJoinCode(code) })}\n`),
);
process.once("SIGTERM", async () => {
  http.close();
  http.closeAllConnections();
  await publisher.close();
  await bench[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
  process.exit(0);
});
