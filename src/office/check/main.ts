import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Socket } from "node:net";
import { logFor, reasonOf } from "../../lib/event-log.ts";
import { installLastResort } from "../../lib/last-resort.ts";
import { becomeUser } from "../../lib/privileges.ts";
import type { ListenAddress } from "../listen-address.ts";
import { answerDns } from "./dns-answer.ts";
import type { CheckSeen, CheckStart } from "./messages.ts";
import { answerStun } from "./stun-answer.ts";
import { readCheckToken } from "./tokens.ts";

/**
 * The responders behind the page "Am I protected?": a DNS server for one name and a STUN server, in a process of their own that is
 * nobody and knows nothing: it may read no file of the office's and keeps nothing of who asked. Forked by the supervisor; the sockets
 * are opened as root (port 53), and read only once root is given up.
 */
const log = logFor("check");
installLastResort(log);
process.once("disconnect", () => process.exit(0));
process.on("SIGINT", () => {});
process.once("message", (message) => void start(message as CheckStart));

/** Words to the office in one second; what is more is dropped: a page has long been told by then. */
const SEEN_PER_SECOND = 200;
/** Answers by UDP in one second; beyond, whoever asks is sent to TCP, so that nobody is flooded by answers that he did not ask for. */
const UDP_PER_SECOND = 500;
const TCP = { connectionsMost: 100, idleMs: 5000, bytesMost: 512 };

async function start({ user, key: keyText, dns, stun }: CheckStart): Promise<void> {
  const [dnsUdp, stunUdp, dnsTcp] = await Promise.all([
    bindAll(dns?.listen ?? []),
    bindAll(stun),
    listenAll(dns?.listen ?? []),
  ]);
  becomeUser(user.uid, user.gid);

  const key = Buffer.from(keyText, "base64");
  let left = SEEN_PER_SECOND;
  let datagrams = 0;
  setInterval(() => {
    left = SEEN_PER_SECOND;
    datagrams = 0;
  }, 1000).unref();
  const answer = (bytes: Uint8Array, address: string, brief = false): Buffer | undefined => {
    const asked = (label: string): boolean => {
      const token = readCheckToken(key, label);
      if (token === undefined) return false;
      if (left-- > 0) process.send?.({ type: "check-seen", token, address } satisfies CheckSeen);
      return true;
    };
    return answerDns(bytes, dns!.name, asked, { brief });
  };

  for (const socket of dnsUdp)
    onDatagrams(socket, (bytes, { address }) => answer(bytes, address, ++datagrams > UDP_PER_SECOND));
  for (const socket of stunUdp)
    onDatagrams(socket, (bytes, { address, port }) => answerStun(bytes, address, port));
  for (const server of dnsTcp)
    server.removeAllListeners("connection").on("connection", (socket) => {
      onMessages(socket, answer);
      socket.resume();
    });
}

function onDatagrams(
  socket: UdpSocket,
  answer: (bytes: Buffer, from: { address: string; port: number }) => Buffer | undefined,
): void {
  socket.on("message", (bytes, from) => {
    // Port 0 is nobody's, and one of ours asked by another of ours would go on for ever.
    if (from.port < 1024 && from.port !== 53) return;
    const reply = answer(bytes, from);
    if (reply !== undefined) socket.send(reply, from.port, from.address, () => {});
  });
}

/** DNS over TCP (RFC 7766): each message after its length in two bytes. One that is not read on ends with the rest. */
function onMessages(
  socket: Socket,
  answer: (bytes: Uint8Array, address: string) => Buffer | undefined,
): void {
  let waiting = Buffer.alloc(0);
  socket.setTimeout(TCP.idleMs, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 2) {
      const length = waiting.readUInt16BE(0);
      if (length > TCP.bytesMost) return void socket.destroy();
      if (waiting.length < 2 + length) return;
      const reply = answer(waiting.subarray(2, 2 + length), socket.remoteAddress ?? "");
      waiting = waiting.subarray(2 + length);
      if (reply === undefined || socket.writableLength > TCP.bytesMost) return void socket.destroy();
      socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]));
    }
  });
}

/** Those that could be had; of the others the log has the port. */
async function bindAll(places: readonly ListenAddress[]): Promise<UdpSocket[]> {
  const sockets = await Promise.all(
    places.map(({ address, port }) => {
      const { promise, resolve } = Promise.withResolvers<UdpSocket | undefined>();
      const six = address.includes(":");
      const socket = createSocket({ type: six ? "udp6" : "udp4", ipv6Only: six });
      socket.once("error", (error) => {
        log("engine-unavailable", { port, reason: reasonOf(error) });
        resolve(undefined);
      });
      socket.bind({ address, port, exclusive: true }, () => {
        // From here on: a packet that nobody could be sent an answer to.
        socket.removeAllListeners("error");
        socket.on("error", () => {});
        resolve(socket);
      });
      return promise;
    }),
  );
  return sockets.filter((socket) => socket !== undefined);
}

async function listenAll(places: readonly ListenAddress[]) {
  const servers = await Promise.all(
    places.map(({ address, port }) => {
      // While still root: closed unread.
      const server = createServer({ pauseOnConnect: true }, (socket) => socket.destroy());
      server.maxConnections = TCP.connectionsMost;
      const { promise, resolve } = Promise.withResolvers<typeof server | undefined>();
      server.once("error", (error) => {
        log("engine-unavailable", { port, reason: reasonOf(error) });
        resolve(undefined);
      });
      server.listen({ host: address, port, ipv6Only: address.includes(":") }, () => resolve(server));
      return promise;
    }),
  );
  return servers.filter((server) => server !== undefined);
}
