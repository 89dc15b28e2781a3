/**
 * Sends what no client would: `garbage-sender.ts ADDRESS PORT udp|tcp COUNT SEED`. Datagrams, or connections that bring one
 * such message each. Every second message begins like one of the protocols that are spoken at our ports, so that it gets past
 * the first look.
 */
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** The first bytes of an honest message, and how long it would be. */
const BEGINNINGS: readonly (readonly [number[], number])[] = [
  [[1, 0, 0, 0], 148], // WireGuard: handshake initiation
  [[2, 0, 0, 0], 92], // WireGuard: handshake response
  [[4, 0, 0, 0], 64], // WireGuard: data
  [[0x38], 54], // OpenVPN: P_CONTROL_HARD_RESET_CLIENT_V2
  [[0x20], 90], // OpenVPN: P_CONTROL_V1
  [[0x48], 60], // OpenVPN: P_DATA_V2
  [[0, 54, 0x38], 56], // OpenVPN over TCP: its length first
  [[...Array<number>(17).fill(7), 0x20, 0x22, 0x08], 300], // IKEv2: version 2.0, IKE_SA_INIT from the initiator
  [[0, 0, 0, 0, ...Array<number>(17).fill(9), 0x20, 0x23, 0x08], 200], // the same on port 4500, IKE_AUTH
  [[0xff], 1], // NAT keepalive
  [[0x16, 3, 1], 517], // TLS: a handshake record
  [[5, 1, 2], 3], // SOCKS5: username and password
  [[5, 1, 2, 1, 3, 97], 9], // SOCKS5: and the log-in at once, broken off
  [[...Buffer.from("CONNECT x:1 HTTP/1.1\r\n")], 300],
  [[...Buffer.from("SSH-2.0-x\r\n")], 400],
];

const [address = "", portText, protocol, countText, seed = ""] = process.argv.slice(2);
const [port, count] = [Number(portText), Number(countText)];
const pool = Buffer.concat(
  Array.from({ length: 2048 }, (_, index) => createHash("sha512").update(`${seed} ${index}`).digest()),
);

function message(index: number): Buffer {
  const random = pool.readUInt32BE((index * 7919) % (pool.length - 4));
  const [beginning, length] =
    index % 2 === 0 ? BEGINNINGS[random % BEGINNINGS.length]! : ([[], random % 1400] as const);
  const at = random % (pool.length - 2000);
  const out = Buffer.from(pool.subarray(at, at + length));
  Buffer.from(beginning).copy(out);
  return out;
}

if (protocol === "udp") {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  // A port that is closed is no reason to stop.
  socket.on("error", () => {});
  socket.connect(port, address);
  await new Promise((resolve) => socket.once("connect", resolve));
  for (let index = 0; index < count; index++) {
    socket.send(message(index), () => {});
    if (index % 64 === 0) await sleep(0);
  }
  socket.close();
} else {
  const one = (index: number) =>
    new Promise<void>((resolve) => {
      const socket = connect(port, address);
      socket.setTimeout(2000, () => socket.destroy());
      socket.on("error", () => {});
      socket.on("close", () => resolve());
      socket.on("data", () => {});
      socket.once("connect", () => socket.end(message(index)));
    });
  const AT_ONCE = 50;
  for (let index = 0; index < count; index += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - index) }, (_, n) => one(index + n)));
}
