import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { ForkedChild } from "../../lib/forked-child.ts";
import { openListening } from "../../lib/hand-over.ts";
import { until } from "../../link/testing.ts";
import { proxyMessage } from "../checked-messages.ts";
import { ChallengeAnswers } from "./answers.ts";
import { ChallengeDoor } from "./door.ts";

const TOKEN = "token-of-sixteen-and-more";
const CHALLENGE = { token: TOKEN, keyAuthorization: `${TOKEN}.thumbprint-of-a-key` };
const PATH = `/.well-known/acme-challenge/${TOKEN}`;

let close: (() => void) | undefined;
afterEach(() => close?.());

/** Root's part and the proxy's without a process between them; port 80 is some port of loopback. */
function pair(place?: { address: string; port: number }) {
  const answers = new ChallengeAnswers();
  const told: { tokens: string[]; portTaken?: true }[] = [];
  const asked: number[] = [];
  let port = 0;
  const door: ChallengeDoor = new ChallengeDoor({
    child: {
      send: (message: object) => {
        const { challenges } = message as { challenges: (typeof CHALLENGE)[] };
        answers.set(challenges);
        door.answering(challenges.map(({ token }) => token));
      },
      hand: (_message: object, server: Server) => {
        port = (server.address() as AddressInfo).port;
        answers.take(server);
      },
    },
    onAnswering: (answering) => told.push(answering),
    open: async (wanted) => {
      asked.push(wanted.port);
      if (wanted.address === "::") throw Object.assign(new Error("no IPv6"), { code: "EADDRNOTAVAIL" });
      return openListening(place ?? { address: "127.0.0.1", port: 0 });
    },
  });
  close = () => {
    door.set([]);
    answers.close();
  };
  return { door, told, asked, port: () => port };
}

async function ask(port: number, path: string, method = "GET"): Promise<[number, string]> {
  const asking = request({ host: "127.0.0.1", port, path, method, agent: false }).end();
  const [answer] = await once(asking, "response");
  let body = "";
  for await (const part of answer) body += part;
  return [answer.statusCode, body];
}

test("port 80 is open while there is a challenge, answers its token alone, and is closed after it", async () => {
  const { door, told, asked, port } = pair();
  door.set([]);
  assert.deepEqual(asked, []);
  door.set([CHALLENGE]);
  await until(() => told.length === 1, "answering");
  assert.deepEqual(told, [{ tokens: [TOKEN] }]);
  assert.deepEqual(asked, [80, 80]);
  assert.deepEqual(await ask(port(), PATH), [200, CHALLENGE.keyAuthorization]);
  for (const [path, method] of [
    ["/", "GET"],
    [`${PATH}x`, "GET"],
    [PATH, "POST"],
    ["/.well-known/acme-challenge/", "GET"],
    ["/.well-known/acme-challenge/__proto__", "GET"],
  ] as const)
    assert.deepEqual(await ask(port(), path, method), [404, ""], path);
  door.set([]);
  await until(
    async () =>
      ask(port(), PATH).then(
        () => false,
        () => true,
      ),
    "closed",
  );
});

test("heads that are too long and connections that say nothing are ended", async () => {
  const { door, told, port } = pair();
  door.set([CHALLENGE]);
  await until(() => told.length === 1, "answering");
  assert.equal((await ask(port(), `/${"a".repeat(8000)}`))[0], 431);
  const silent = connect(port(), "127.0.0.1");
  silent.on("error", () => {});
  await new Promise((resolve) =>
    silent
      .on("error", () => {})
      .resume()
      .once("close", resolve),
  );
});

test("a port that another program has is said; a proxy that starts anew gets new sockets", async () => {
  const other = createServer();
  await once(other.listen(0, "127.0.0.1"), "listening");
  const taken = pair(other.address() as AddressInfo);
  taken.door.set([CHALLENGE]);
  await until(() => taken.told.length === 1, "told");
  assert.deepEqual(taken.told, [{ tokens: [], portTaken: true }]);
  other.close();

  const { door, told, asked, port } = pair();
  door.childStarted();
  assert.deepEqual(asked, []);
  door.set([CHALLENGE]);
  await until(() => told.length === 1, "answering");
  const first = port();
  door.childStarted();
  await until(() => told.length === 2, "answering again");
  assert.notEqual(port(), first);
  assert.deepEqual(await ask(port(), PATH), [200, CHALLENGE.keyAuthorization]);
});

test("a proxy process takes the socket, answers, and lets it go", async () => {
  const free = await openListening({ address: "127.0.0.1", port: 0 });
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  const told: string[][] = [];
  const child = new ForkedChild({
    module: join(import.meta.dirname, "..", "bundle.ts"),
    args: ["proxy"],
    log: () => {},
    onStart: () => door.childStarted(),
    onMessage: (message) => {
      const said = proxyMessage.parse(message);
      if (said.type === "answering") door.answering(said.tokens);
    },
  });
  const door: ChallengeDoor = new ChallengeDoor({
    child,
    onAnswering: ({ tokens }) => told.push(tokens),
    open: async ({ address }) => {
      if (address === "::") throw Object.assign(new Error("no IPv6"), { code: "EADDRNOTAVAIL" });
      return openListening({ address: "127.0.0.1", port });
    },
  });
  close = () => {
    door.set([]);
    void child.stop(1000);
  };
  door.set([CHALLENGE]);
  child.start();
  await until(() => told.some((tokens) => tokens.includes(TOKEN)), "answering", 30_000);
  assert.deepEqual(await ask(port, PATH), [200, CHALLENGE.keyAuthorization]);
  door.set([]);
  await until(
    async () =>
      ask(port, PATH).then(
        () => false,
        () => true,
      ),
    "closed",
  );
});
