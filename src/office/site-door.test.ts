import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { connect } from "node:tls";
import { order } from "../certificates/order.ts";
import { newKeyPem } from "../certificates/request.ts";
import type { CertificateState } from "../certificates/state.ts";
import { randomName, selfSigned, startPebble } from "../certificates/testing.ts";
import { systemClock } from "../lib/clock.ts";
import { openListening } from "../lib/hand-over.ts";
import { freePorts, skipFor } from "../lib/testing.ts";
import type { OfficeMessage } from "./messages.ts";
import { type SiteSettings, sitePlaces } from "./site-address.ts";
import { SiteDoor } from "./site-door.ts";
import { OfficeStartError } from "./start-errors.ts";

const NAME = "vpn.example.net";

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

function get(url: string, options: { host?: string; ca?: string; method?: string } = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { port, pathname, search, protocol } = new URL(url);
  const { host = NAME, ca, method = "GET" } = options;
  const how = { host: "127.0.0.1", port, path: pathname + search, method, headers: { host }, agent: false };
  const asked =
    protocol === "https:" ? requestSecure({ ...how, ca, servername: host }) : requestPlain({ ...how });
  asked.once("error", reject).once("response", (answer) => {
    let text = "";
    answer.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    answer.once("end", () => resolve({ status: answer.statusCode!, headers: answer.headers, text }));
  });
  asked.end();
  return promise;
}

describe("the site's door", { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-door-"));
  after(() => rmSync(folder, { recursive: true }));
  let https = 0;
  let http = 0;
  let door: SiteDoor | undefined;
  let states: CertificateState[] = [];
  let logged: string[] = [];
  beforeEach(async () => {
    [https = 0, http = 0] = await freePorts(2);
    states = [];
    logged = [];
  });
  afterEach(() => door?.close());

  const settingsOf = (tls: Partial<SiteSettings["tls"]>): SiteSettings => ({
    site: { listen: [`127.0.0.1:${https}`, `127.0.0.1:${http}`], url: "" },
    tls: {
      certificate: "",
      key: "",
      acme: "",
      acme_authority: "",
      email: "",
      names: [NAME],
      http_port: http,
      exits: false,
      ...tls,
    },
  });

  /** With a supervisor that opens the sockets. */
  function doorOf(
    settings: SiteSettings,
    acme?: ConstructorParameters<typeof SiteDoor>[0]["acme"],
  ): SiteDoor {
    const supervise = async (message: OfficeMessage) => {
      if (message.type === "certificate") states.push(message.state);
      if (message.type !== "open") return;
      for (const [index, place] of sitePlaces(settings).entries()) {
        try {
          made.hear({ type: "socket", index }, await openListening(place));
        } catch (error) {
          made.hear({ type: "socket", index, failed: (error as NodeJS.ErrnoException).code });
        }
      }
    };
    const made = new SiteDoor({
      settings,
      officeFolder: folder,
      acme,
      clock: systemClock,
      log: (code, fields) => logged.push(`${code} ${fields?.reason ?? ""}`.trim()),
      tell: (message) => void supervise(message),
      ownProxies: () => false,
    });
    door = made;
    return made;
  }
  const page = async () => new Response("the page");
  const files = { certificate: "/a", key: "/b" };

  it("serves plain HTTP where there is no certificate to be", async () => {
    await doorOf(settingsOf({})).open(page);
    for (const port of [https, http]) {
      const answer = await get(`http://127.0.0.1:${port}/`);
      assert.deepEqual([answer.status, answer.text], [200, "the page"]);
    }
    assert.deepEqual(states, []);
  });

  it("serves HTTPS with the certificate of the files, and with the next one as soon as it is there", async () => {
    const [first, second] = [selfSigned([NAME]), selfSigned([NAME], 20)];
    const opened = doorOf(settingsOf(files));
    opened.hear({ type: "pair", pair: first });
    await opened.open(page);
    assert.equal((await get(`https://127.0.0.1:${https}/`, { ca: first.certificate })).text, "the page");
    await assert.rejects(get(`https://127.0.0.1:${https}/`, { ca: second.certificate }));
    opened.hear({ type: "pair", pair: second });
    assert.equal((await get(`https://127.0.0.1:${https}/`, { ca: second.certificate })).text, "the page");
    // What is no good takes nothing away.
    for (const pair of [undefined, { ...second, key: first.key }, selfSigned(["other.example.net"])])
      opened.hear({ type: "pair", pair });
    assert.equal((await get(`https://127.0.0.1:${https}/`, { ca: second.certificate })).text, "the page");
    assert.deepEqual(
      logged.filter((line) => line.startsWith("certificate-refused")),
      ["unreadable", "key-mismatch", "names"].map((reason) => `certificate-refused ${reason}`),
    );
    assert.equal(states.at(-1)?.problem, "names");
    assert(states.at(-1)!.notAfterMs! > Date.now() + 19 * 86_400_000);
  });

  it("does not open with files that are no good, and says what is wrong", async () => {
    const opened = doorOf(settingsOf(files));
    opened.hear({ type: "pair", pair: { ...selfSigned([NAME]), key: newKeyPem() } });
    await assert.rejects(opened.open(page), (error) => {
      assert(error instanceof OfficeStartError);
      return /^The certificate of tls.certificate does not belong to its key\.$/.test(error.message);
    });
  });

  it("says so where a port is taken", async () => {
    const taken = await openListening({ address: "127.0.0.1", port: http });
    await assert.rejects(doorOf(settingsOf({})).open(page), /another program has this port.*site\.listen/);
    taken.close();
  });

  it("leads from http to https, to its own name alone, whatever the request says", async () => {
    const pair = selfSigned([NAME]);
    const opened = doorOf(settingsOf(files));
    opened.hear({ type: "pair", pair });
    await opened.open(page);
    const answer = await get(`http://127.0.0.1:${http}/status?sort=load`);
    assert.equal(answer.status, 308);
    assert.equal(answer.headers.location, `https://${NAME}:${https}/status?sort=load`);
    assert.equal(answer.headers["cache-control"], "no-store");
    const upper = await get(`http://127.0.0.1:${http}/`, { host: `VPN.Example.net:${http}` });
    assert.equal(upper.headers.location, `https://${NAME}:${https}/`);
    for (const host of ["evil.example.net", "", "127.0.0.1", `${NAME}@evil.example.net`])
      assert.deepEqual(
        await get(`http://127.0.0.1:${http}/`, { host }).then(({ status, headers }) => [
          status,
          headers.location,
        ]),
        [421, undefined],
        host,
      );
    const slashes = await get(`http://127.0.0.1:${http}//evil.example.net/`);
    assert.equal(slashes.headers.location, `https://${NAME}:${https}//evil.example.net/`);
    const absolute = await raw(http, `GET http://${NAME}/x HTTP/1.1\r\nHost: ${NAME}\r\n\r\n`);
    assert.match(absolute, /^HTTP\/1.1 400 /);
    assert.doesNotMatch(absolute, /location/i);
    const posted = await get(`http://127.0.0.1:${http}/log-in`, { method: "POST" });
    assert.equal(posted.status, 308);
    assert.equal((await get(`http://127.0.0.1:${http}/.well-known/acme-challenge/x`)).status, 404);
  });

  it("speaks TLS 1.2 and 1.3, and nothing older", async () => {
    const pair = selfSigned([NAME]);
    const opened = doorOf(settingsOf(files));
    opened.hear({ type: "pair", pair });
    await opened.open(page);
    const version = (maxVersion: "TLSv1.1" | "TLSv1.2" | "TLSv1.3") => {
      const { promise, resolve } = Promise.withResolvers<string | null>();
      const ciphers = "DEFAULT@SECLEVEL=0";
      const socket = connect(
        {
          host: "127.0.0.1",
          port: https,
          ca: pair.certificate,
          servername: NAME,
          minVersion: "TLSv1",
          maxVersion,
          ciphers,
        },
        () => {
          resolve(socket.getProtocol());
          socket.destroy();
        },
      );
      socket.once("error", () => resolve(null));
      return promise;
    };
    assert.equal(await version("TLSv1.3"), "TLSv1.3");
    assert.equal(await version("TLSv1.2"), "TLSv1.2");
    assert.equal(await version("TLSv1.1"), null);
  });

  it("has a certificate made by an ACME authority, keeps it, and says so until it is there", async (t) => {
    const pebble = await startPebble({ challengePort: http });
    if (!pebble) return t.skip(skipFor("pebble is not installed"));
    try {
      const name = randomName();
      const settings = settingsOf({ acme: pebble.directory, names: [name] });
      const release = Promise.withResolvers<void>();
      const acme = {
        order: async (options: Parameters<typeof order>[0]) => {
          await release.promise;
          return order(options);
        },
        newAccountKey: newKeyPem,
        directoryAuthority: pebble.authority,
      };
      await doorOf(settings, acme).open(page);
      const early = await get(`http://127.0.0.1:${http}/`, { host: name });
      assert.equal(early.status, 503);
      assert.match(early.text, /does not have its certificate yet/);
      await assert.rejects(get(`https://127.0.0.1:${https}/`, { host: name }), /alert/);
      assert.deepEqual(states, [{ source: "acme" }]);
      release.resolve();
      while (states.length < 2) await setTimeout(20);
      assert.equal(states.at(-1)?.problem, undefined);
      const ca = await pebble.root();
      assert.equal((await get(`https://127.0.0.1:${https}/`, { host: name, ca })).text, "the page");
      assert.equal((await get(`http://127.0.0.1:${http}/`, { host: name })).status, 308);
      const kept = readdirSync(join(folder, "acme"), { recursive: true, encoding: "utf8" }).map((path) =>
        join(folder, "acme", path),
      );
      assert.equal(kept.length, 3);
      for (const path of kept) assert.equal(statSync(path).mode & 0o077, 0, path);

      // The next life has it at once.
      door?.close();
      states = [];
      await doorOf(settings, { ...acme, order: () => assert.fail("ordered again") }).open(page);
      assert.equal((await get(`https://127.0.0.1:${https}/`, { host: name, ca })).text, "the page");
      assert(existsSync(join(folder, "acme")));
    } finally {
      await pebble.stop();
    }
  });
});

function raw(port: number, text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connectPlain(port, "127.0.0.1", () => socket.write(text)).setEncoding("utf8");
  let answer = "";
  socket.on("data", (part) => {
    answer += part;
  });
  socket.once("close", () => resolve(answer));
  return promise;
}
