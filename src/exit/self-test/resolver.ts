import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { RESOLVER_4 } from "../tunnel-plan.ts";
import { SELF_TEST_NAME } from "./target.ts";

/** What our resolver is configured to answer for the self-test's name: TEST-NET-1 (RFC 5737), where nobody is. */
export const SELF_TEST_ADDRESS = "192.0.2.53";

const TYPE_A = 1;
const CLASS_IN = 1;

/**
 * Asks the resolver inside the tunnels over UDP, as members' clients do, for the one name that it knows by itself
 * (dns/configuration.ts): it shows that it takes questions and answers rightly; nobody on the Internet is asked.
 * Asks again each second, since UDP may lose one. Never rejects.
 */
export function resolverWorks(options: {
  timeoutMs: number;
  address?: string;
  port?: number;
}): Promise<boolean> {
  const { address = RESOLVER_4, port = 53, timeoutMs } = options;
  const question = questionFor(SELF_TEST_NAME);
  const socket = createSocket("udp4");
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const end = (works: boolean): void => {
    clearInterval(again);
    clearTimeout(timer);
    socket.removeAllListeners("message");
    socket.close(() => resolve(works));
  };
  const ask = (): void => socket.send(question);
  const again = setInterval(ask, 1000);
  const timer = setTimeout(() => end(false), timeoutMs);
  socket.on("message", (answer) => end(isRightAnswer(answer, question)));
  // Nobody listens (ICMP port unreachable): another try may find one that is just being started.
  socket.on("error", () => {});
  // Connected, so that the kernel drops whatever another address sends.
  socket.connect(port, address, ask);
  return promise;
}

/** RFC 1035 section 4.1: header, one question. */
function questionFor(name: string): Buffer {
  const header = Buffer.alloc(12);
  randomBytes(2).copy(header);
  header.writeUInt16BE(0x0100, 2); // recursion desired
  header.writeUInt16BE(1, 4);
  const labels = name.split(".").map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([header, ...labels, Buffer.of(0, 0, TYPE_A, 0, CLASS_IN)]);
}

/** The same id and question, no error, and one A record with our address at the end. */
function isRightAnswer(answer: Buffer, question: Buffer): boolean {
  if (answer.length < question.length + 16) return false;
  const flags = answer.readUInt16BE(2);
  return (
    answer.readUInt16BE(0) === question.readUInt16BE(0) &&
    (flags & 0x8000) !== 0 &&
    (flags & 0x000f) === 0 &&
    answer.readUInt16BE(4) === 1 &&
    answer.readUInt16BE(6) === 1 &&
    answer.subarray(12, question.length).equals(question.subarray(12)) &&
    answer.subarray(question.length).includes(Buffer.from(SELF_TEST_ADDRESS.split(".").map(Number)))
  );
}
