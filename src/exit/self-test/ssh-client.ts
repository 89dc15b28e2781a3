import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import ssh2 from "ssh2";
import type { ProxyTest } from "./proxy-clients.ts";
import { NONCE_BYTES, SELF_TEST_NAME, SELF_TEST_PORT } from "./target.ts";

/** Logs in over SSH and reaches the target through a tunnel (`direct-tcpip`). Never rejects: what fails is false. */
export function sshWorks({ address, port, login, target, timeoutMs }: ProxyTest): Promise<boolean> {
  const client = new ssh2.Client();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  client.on("error", () => resolve(false));
  client.on("close", () => resolve(false));
  client.on("ready", () =>
    client.forwardOut("127.0.0.1", 0, SELF_TEST_NAME, SELF_TEST_PORT, (error, channel) => {
      if (error !== undefined) return resolve(false);
      const nonce = randomBytes(NONCE_BYTES);
      answerOf(channel, nonce).then((answer) => resolve(target.isAnswer(nonce, answer)));
    }),
  );
  client.connect({
    host: address,
    port,
    username: login.username,
    password: login.password,
    readyTimeout: timeoutMs,
  });
  return promise.finally(() => {
    clearTimeout(timer);
    client.destroy();
  });
}

/** What comes back, up to the length of an answer. */
function answerOf(channel: Duplex, nonce: Uint8Array): Promise<Buffer> {
  return new Promise((resolve) => {
    let answer = Buffer.alloc(0);
    channel.on("data", (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]).subarray(0, NONCE_BYTES);
      if (answer.length === NONCE_BYTES) resolve(answer);
    });
    channel.on("error", () => resolve(answer));
    channel.on("close", () => resolve(answer));
    channel.write(nonce);
  });
}
