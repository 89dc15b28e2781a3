import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { orderFor } from "../certificates/order.ts";
import { certificateRequestFor, newKeyPem } from "../certificates/request.ts";
import { BLOCKED_NAME, type Pebble, randomName, selfSigned, startPebble } from "../certificates/testing.ts";
import { ChallengeAnswers } from "../exit/public-certificate/answers.ts";
import { PublicCertificateAsking } from "../exit/public-certificate/asking.ts";
import { ChallengeDoor } from "../exit/public-certificate/door.ts";
import { installPublicCertificate, standingOf } from "../exit/public-certificate/pair.ts";
import { FakeClock } from "../lib/clock.ts";
import { openListening } from "../lib/hand-over.ts";
import { fail, ok } from "../lib/result.ts";
import { skipFor } from "../lib/testing.ts";
import { CarrierError, type ExitCarrier, type OfficeCarrier } from "../link/carrier.ts";
import { MemoryCarrier } from "../link/memory-carrier.ts";
import { askForPublicCertificate } from "../link/office-client.ts";
import { RosterPublisher } from "../link/publisher.ts";
import { generateSiteKey } from "../link/site-key.ts";
import { recordingLog, until } from "../link/testing.ts";
import { ExitCertificates, type ExitCertificatesOptions } from "./exit-certificates.ts";
import { natsBench } from "./nats-testing.ts";

let folder: string;
let clock: FakeClock;
const closing: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lethe-exits-"));
  clock = new FakeClock(Date.now());
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true });
});

const { log, events, reasons } = recordingLog();
function office(
  names: Record<string, string>,
  more: Partial<ExitCertificatesOptions> = {},
): ExitCertificates {
  const certificates = new ExitCertificates({
    folder: join(folder, "exits"),
    nameOf: (server) => names[server],
    generationOf: () => 1,
    answersHere: () => undefined,
    order: async () => fail("unreachable"),
    accountKey: () => "the account's key",
    clock,
    log,
    orderEveryMs: 1,
    ...more,
  });
  closing.push(() => certificates.close());
  return certificates;
}
const asks = (name: string, key = newKeyPem()) => ({
  request: certificateRequestFor(name, key),
  answering: [],
});

describe("public certificates for exits, over the link, from an authority (pebble)", {
  timeout: 120_000,
}, () => {
  let pebble: Pebble | undefined;
  before(async () => {
    pebble = await startPebble();
  });
  after(() => pebble?.stop());

  /** An office and one exit with the name, as the exit's root, keeper and proxy do it, in one process. */
  async function world<Carrier extends OfficeCarrier>(
    names: Record<string, string>,
    carrier: Carrier,
    ofLondon: (carrier: Carrier) => ExitCarrier,
  ) {
    const accountKey = newKeyPem();
    const newOffice = () =>
      office(names, {
        accountKey: () => accountKey,
        order: (request, key, challenges) =>
          orderFor(request, {
            directory: pebble!.directory,
            directoryAuthority: pebble!.authority,
            email: "",
            accountKey: key,
            challenges,
          }),
      });
    let certificates = newOffice();
    const publisher = new RosterPublisher({
      key: generateSiteKey(),
      clock,
      carriers: [carrier],
      log,
      publicCertificate: (server, question) => certificates.answer(server, question),
    });
    await publisher.start();
    closing.push(() => publisher.close());
    const exitFolder = join(folder, "exit");
    mkdirSync(exitFolder);
    const exit = newExit(ofLondon(carrier), names.london1!, exitFolder);
    return {
      exit,
      exitFolder,
      carrier,
      certificates: () => certificates,
      restartOffice: () => {
        certificates.close();
        certificates = newOffice();
      },
    };
  }

  const memoryWorld = (names: Record<string, string>) =>
    world(names, new MemoryCarrier(), (carrier) => carrier.connect({ server: "london1" }));

  async function connected(carrier: MemoryCarrier, server: string): Promise<ExitCarrier> {
    const exit = carrier.connect({ server });
    const { promise, resolve } = Promise.withResolvers<void>();
    exit.onUp(resolve);
    exit.start();
    closing.push(() => exit.close());
    await promise;
    return exit;
  }

  function newExit(carrier: ExitCarrier, name: string, exitFolder: string) {
    const answers = new ChallengeAnswers();
    const look = () => asking.stands(standingOf(exitFolder, name, clock.now()));
    const asking: PublicCertificateAsking = new PublicCertificateAsking({
      carrier,
      tell: (message) => {
        if (message.type === "challenges") door.set(message.challenges);
        if (message.type !== "public-certificate") return;
        installPublicCertificate(exitFolder, name, message.certificate, clock.now());
        look();
      },
    });
    const door: ChallengeDoor = new ChallengeDoor({
      child: {
        send: (message) => {
          const { challenges } = message as { challenges: { token: string; keyAuthorization: string }[] };
          answers.set(challenges);
          door.answering(challenges.map(({ token }) => token));
        },
        hand: (_message, socket) => answers.take(socket),
      },
      onAnswering: (answering) => asking.answers(answering),
      open: async ({ address }) => {
        if (address === "::") throw Object.assign(new Error("no IPv6"), { code: "EADDRNOTAVAIL" });
        return openListening({ address: "127.0.0.1", port: pebble!.challengePort });
      },
    });
    carrier.start();
    closing.push(() => {
      asking.close();
      door.set([]);
      answers.close();
      carrier.close();
    });
    return { look };
  }

  it("come to the exit that asks, renew themselves, and stay where a renewal fails", async (t) => {
    if (!pebble) return t.skip(skipFor("pebble is not installed"));
    const name = randomName();
    const { exit, exitFolder, certificates, restartOffice } = await memoryWorld({ london1: name });
    exit.look();
    const stands = () => certificates().view("london1");
    await until(() => stands().until !== undefined, "a certificate", 30_000);
    const read = () => readFileSync(join(exitFolder, "public.crt"), "utf8");
    const first = read();
    const leaf = new X509Certificate(first);
    assert.equal(leaf.subjectAltName, `DNS:${name}`);
    assert.equal(stands().until, Date.parse(leaf.validTo) / 1000);
    assert.equal(first.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert(!JSON.stringify(readFileSync(join(folder, "exits", "london1.json"), "utf8")).includes("PRIVATE"));

    // Nothing is ordered before it is time, whoever starts anew.
    restartOffice();
    exit.look();
    await until(() => stands().until !== undefined, "told again");
    assert.equal(read(), first);

    const lifeMs = Date.parse(leaf.validTo) - Date.parse(leaf.validFrom);
    clock.advance(0.7 * lifeMs);
    const other = createServer().listen(pebble.challengePort, "127.0.0.1");
    closing.push(() => other.close());
    exit.look();
    await until(() => stands().problem !== undefined, "a renewal that fails", 30_000);
    assert.deepEqual(stands(), { until: Date.parse(leaf.validTo) / 1000, problem: "port-taken" });
    assert.equal(read(), first);
    other.close();
    // After the back-off, which outlives a restart, and not before.
    restartOffice();
    exit.look();
    const failed = () => events.filter(({ code }) => code === "certificate-failed").length;
    const before = failed();
    clock.advance(3_600_000);
    restartOffice();
    exit.look();
    await until(() => stands().problem === undefined && read() !== first, "the next one", 30_000);
    assert.equal(failed(), before);
    assert.notEqual(new X509Certificate(read()).serialNumber, leaf.serialNumber);
  });

  it("come over NATS, where a server is known by its key", async (t) => {
    if (!pebble) return t.skip(skipFor("pebble is not installed"));
    await using bench = await natsBench();
    await bench.add("london1", "paris1");
    const name = randomName();
    const link = bench.newOffice();
    const { exit, exitFolder, certificates } = await world({ london1: name }, link, () =>
      bench.newExit("london1"),
    );
    exit.look();
    await until(() => certificates().view("london1").until !== undefined, "a certificate", 30_000);
    const leaf = new X509Certificate(readFileSync(join(exitFolder, "public.crt")));
    assert.equal(leaf.subjectAltName, `DNS:${name}`);
    for (const close of closing.splice(0).reverse()) await close();
  });

  it("are refused for another server's name and for the site's", async (t) => {
    if (!pebble) return t.skip(skipFor("pebble is not installed"));
    const [own, others, site] = [randomName(), randomName(), randomName()];
    const { carrier, certificates } = await memoryWorld({ london1: own, paris1: others });
    const exit = await connected(carrier, "london1");
    for (const name of [others, site, `*.${own}`, `a.${own}`])
      await assert.rejects(askForPublicCertificate(exit, asks(name)), CarrierError);
    // The control: its own is ordered, and the challenge comes to it.
    const question = asks(own);
    let answer = await askForPublicCertificate(exit, question);
    await until(async () => {
      answer = await askForPublicCertificate(exit, question);
      return answer.challenges.length > 0;
    }, "a challenge");
    // And to nobody else.
    const paris = await connected(carrier, "paris1");
    const { challenges } = await askForPublicCertificate(paris, asks(others));
    assert.deepEqual(challenges, []);
    assert.equal(certificates().view("london1").until, undefined);
    const unknown = await connected(carrier, "rome1");
    await assert.rejects(askForPublicCertificate(unknown, asks(own)), CarrierError);
  });

  it("fail in closed words where the authority refuses", async (t) => {
    if (!pebble) return t.skip(skipFor("pebble is not installed"));
    const { carrier, certificates } = await memoryWorld({ london1: BLOCKED_NAME });
    const exit = await connected(carrier, "london1");
    await askForPublicCertificate(exit, asks(BLOCKED_NAME));
    await until(() => certificates().view("london1").problem === "name-refused", "refused", 30_000);
  });
});

describe("orders for exits", () => {
  const NAMES = { london1: "london1.example.net", paris1: "paris1.example.net" };

  it("are made one at a time, and not anew by an office that crashed in the middle of one", async () => {
    const orders: string[] = [];
    const never = Promise.withResolvers<never>();
    const order: ExitCertificatesOptions["order"] = (request) => {
      orders.push(request);
      return never.promise;
    };
    const first = office(NAMES, { order });
    const [london, paris] = [asks(NAMES.london1), asks(NAMES.paris1)];
    first.answer("london1", london);
    assert.equal(first.answer("paris1", paris)?.againS, 15);
    assert.deepEqual(orders, [london.request]);
    assert.equal(first.answer("london1", london)?.againS, 1);
    // It crashes here.
    const second = office(NAMES, { order });
    assert(second.answer("london1", london)!.againS > 200);
    assert.equal(orders.length, 1);
    clock.advance(400_000);
    second.answer("london1", london);
    assert.equal(orders.length, 2);
    // A clock that was ahead locks nobody out for longer than two days.
    clock.jump(-400 * 86_400_000);
    const third = office(NAMES, { order });
    assert(third.answer("london1", london)!.againS > 1);
    clock.advance(49 * 3_600_000);
    third.answer("london1", london);
    assert.equal(orders.length, 3);
  });

  it("pause for all when the authority has had too many", async () => {
    let orders = 0;
    const certificates = office(NAMES, {
      order: async () => {
        orders += 1;
        return fail("rate-limited");
      },
    });
    certificates.answer("london1", asks(NAMES.london1));
    await until(() => certificates.view("london1").problem === "rate-limited", "limited");
    await until(() => certificates.answer("paris1", asks(NAMES.paris1))!.againS > 3000, "paused");
    assert.equal(orders, 1);
  });

  it("give the same certificate to one that asks again, and none to a new key so soon", async () => {
    const key = newKeyPem();
    let orders = 0;
    const certificates = office(NAMES, {
      order: async () => {
        orders += 1;
        return ok(selfSigned([NAMES.london1], 90, key).certificate);
      },
    });
    const question = asks(NAMES.london1, key);
    certificates.answer("london1", question);
    await until(() => certificates.answer("london1", question)?.certificate !== undefined, "made");
    assert(certificates.answer("london1", asks(NAMES.london1, key))?.certificate);
    assert.equal(certificates.answer("london1", asks(NAMES.london1))?.certificate, undefined);
    assert.equal(orders, 1);
  });

  it("begin anew for a server that was given another key after a seizure", async () => {
    const key = newKeyPem();
    let [orders, generation] = [0, 1];
    const certificates = office(NAMES, {
      generationOf: () => generation,
      order: async () => {
        orders += 1;
        return ok(selfSigned([NAMES.london1], 90, key).certificate);
      },
    });
    const question = asks(NAMES.london1, key);
    certificates.answer("london1", question);
    await until(() => certificates.answer("london1", question)?.certificate !== undefined, "made");
    certificates.answer("london1", { answering: [], until: 2_000_000_000 });
    generation = 2;
    const asked = certificates.answer("london1", asks(NAMES.london1));
    assert.equal(asked?.certificate, undefined);
    assert.deepEqual(certificates.view("london1"), {});
    await until(() => orders === 2, "another order");
  });

  it("that bring another's certificate bring none", async () => {
    const certificates = office(NAMES, { order: async () => ok(selfSigned([NAMES.london1]).certificate) });
    certificates.answer("london1", asks(NAMES.london1));
    await until(() => certificates.view("london1").problem === "malformed", "refused");
  });

  it("are answered by the office itself for the exit beside it, and by nobody where it stays away", async () => {
    const here = new Map<string, string>();
    let challenge: Promise<void> | undefined;
    const certificates = office(NAMES, {
      answersHere: (server) =>
        server === "london1"
          ? {
              put: (token, answer) => void here.set(token, answer),
              remove: (token) => void here.delete(token),
            }
          : undefined,
      order: async (_request, _key, challenges) => {
        challenge = Promise.resolve(challenges.put("a-token-of-sixteen", "an answer"));
        await challenge;
        return fail("directory");
      },
    });
    certificates.answer("london1", asks(NAMES.london1));
    assert.deepEqual([...here], [["a-token-of-sixteen", "an answer"]]);
    await until(() => certificates.view("london1").problem === "directory", "over");
    await until(
      () => certificates.answer("paris1", asks(NAMES.paris1))?.challenges.length === 1,
      "a challenge",
    );
    const over = assert.rejects(challenge!);
    certificates.close();
    await over;
  });

  it("are not made where the operator's files are shown, and what is wrong with these is said", () => {
    let orders = 0;
    const order: ExitCertificatesOptions["order"] = async () => {
      orders += 1;
      return fail("unreachable");
    };
    const certificates = office(NAMES, { order });
    const view = () => certificates.view("london1");
    certificates.answer("london1", { answering: [], until: 2_000_000_000, files: "used" });
    assert.deepEqual(view(), { until: 2_000_000_000, files: true });
    certificates.answer("london1", { answering: [], until: 2_000_000_000, files: "names" });
    assert.deepEqual(view(), { until: 2_000_000_000, problem: "files-names" });
    assert.equal(orders, 0);
    // Without others in use they do not keep an order from being made.
    certificates.answer("london1", { ...asks(NAMES.london1), files: "outdated" });
    assert.equal(orders, 1);
    assert.deepEqual(view(), { problem: "files-outdated" });
    certificates.close();
    assert.deepEqual(office(NAMES, { order }).view("london1"), { problem: "files-outdated" });

    const filesAlone = office(NAMES, { order: undefined });
    assert.deepEqual(filesAlone.view("paris1"), {});
    filesAlone.answer("paris1", asks(NAMES.paris1));
    assert.deepEqual(filesAlone.view("paris1"), { problem: "no-files" });
    filesAlone.answer("paris1", { answering: [], until: 2_000_000_000, files: "used" });
    assert.deepEqual(filesAlone.view("paris1"), { until: 2_000_000_000, files: true });
    assert.equal(orders, 1);
  });

  it("are not made for an exit that asks for none, and what is kept of a removed one goes", async () => {
    const certificates = office(NAMES);
    assert.deepEqual(certificates.answer("london1", { answering: [], until: 2_000_000_000 }), {
      againS: 3600,
      challenges: [],
    });
    assert.deepEqual(certificates.view("london1"), { until: 2_000_000_000 });
    assert.deepEqual(certificates.view("paris1"), {});
    certificates.answer("paris1", { answering: [], until: 1_999_999_999 });
    assert.deepEqual(office({ london1: NAMES.london1 }).view("london1"), { until: 2_000_000_000 });
    assert.deepEqual(readdirSync(join(folder, "exits")), ["london1.json"]);
    assert.deepEqual(reasons("certificate-unwritable"), []);
  });
});
