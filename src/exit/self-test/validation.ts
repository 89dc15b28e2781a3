import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { RESOLVER_4 } from "../tunnel-plan.ts";

const TYPE_SOA = 6;
const CLASS_IN = 1;
const RECURSION_DESIRED = 0x0100;
/** RFC 4035 section 3.2.2: answer even what does not prove true. */
const CHECKING_DISABLED = 0x0010;
const RCODE = 0x000f;
const NOERROR = 0;
const SERVFAIL = 2;

interface Asked {
  timeoutMs: number;
  address?: string;
  port?: number;
}

/**
 * Whether our resolver's validation lets answers through. Where its forwarders pass no signatures on, it answers nothing but
 * SERVFAIL, and the same question is answered once nothing is checked. The question is for the root's SOA record, which names
 * nobody and stands in the resolver's memory for a day. What has another cause (the uplink is down) is not judged here. Never
 * rejects.
 */
export async function validationWorks(asked: Asked): Promise<boolean> {
  if ((await rcodeOf(RECURSION_DESIRED, asked)) !== SERVFAIL) return true;
  return (await rcodeOf(RECURSION_DESIRED | CHECKING_DISABLED, asked)) !== NOERROR;
}

/** Nothing where no answer comes in time. */
function rcodeOf(
  flags: number,
  { address = RESOLVER_4, port = 53, timeoutMs }: Asked,
): Promise<number | undefined> {
  // RFC 1035 section 4.1: header, and one question for the root.
  const question = Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, TYPE_SOA, 0, CLASS_IN]);
  randomBytes(2).copy(question);
  question.writeUInt16BE(flags, 2);
  const socket = createSocket("udp4");
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const end = (rcode: number | undefined): void => {
    clearInterval(again);
    clearTimeout(timer);
    socket.removeAllListeners("message");
    socket.close(() => resolve(rcode));
  };
  const ask = (): void => socket.send(question);
  const again = setInterval(ask, 1000);
  const timer = setTimeout(() => end(undefined), timeoutMs);
  socket.on("message", (answer) => {
    const ours = answer.length >= 12 && answer.readUInt16BE(0) === question.readUInt16BE(0);
    if (ours) end(answer.readUInt16BE(2) & RCODE);
  });
  socket.on("error", () => {});
  // Connected, so that the kernel drops whatever another address sends.
  socket.connect(port, address, ask);
  return promise;
}
