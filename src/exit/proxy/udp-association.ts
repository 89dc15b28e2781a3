import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { isIPv6, type Socket } from "node:net";
import { formatIp, type Ip, parseIp, unmap } from "../../lib/ip.ts";
import { type EgressPolicy, parseHost } from "../egress.ts";
import type { Place } from "./live-list.ts";
import type { LiveWay, LiveWays } from "./live-ways.ts";
import type { Resolve } from "./resolve.ts";
import { readSocksDatagram, socksDatagramHead } from "./socks5-datagram.ts";
import type { Expiring, Sweeper } from "./sweeper.ts";

/** What associations are made with; replaced when the settings change. */
export interface UdpContext {
  policy: EgressPolicy;
  resolve: Resolve;
  /** Where clients reach this machine: behind a NAT none of them is its own. */
  publicAddresses: ReadonlySet<string>;
  /** Where an association stands while it lives. */
  ways: LiveWays;
}

/** Destinations that one association remembers; the one used longest ago goes. Whoever is not among them is not heard. */
const DESTINATIONS_MOST = 4096;
/** A name is asked for anew after so long, unless answers come: what has begun with one address goes on with it. */
const RESOLVED_MS = 60_000;
/** Datagrams of one association that wait for a name; more are dropped, as UDP may. */
const WAITING_MOST = 64;
/** Bytes that wait for the kernel, a socket. */
const QUEUE_LIMIT_BYTES = 1024 * 1024;

interface Destination {
  ip: Ip;
  address: string;
  port: number;
  untilMs: number;
}

const endsOf = ({ address, port }: { address: string; port: number }): string => `${address} ${port}`;

const canonical = (address: string): string => {
  const ip = parseIp(address.split("%")[0]!);
  return ip === undefined ? address : formatIp(unmap(ip));
};

/**
 * A relay for one client's datagrams (RFC 1928, UDP ASSOCIATE). It takes them from the TCP connection's peer alone, at the
 * first port that it is spoken to from; sends each where the egress policy lets it; and passes back what comes from where the
 * client has sent something. So nobody can have us send to a third party, and what nobody asked for goes nowhere. It lives
 * as long as the TCP connection, and no longer than a proxy's tunnel without a datagram.
 */
export class UdpAssociation implements Expiring, LiveWay {
  deadlineMs: number;
  readonly #client: Socket;
  readonly #context: UdpContext;
  readonly #sweeper: Sweeper;
  readonly #idleMs: number;
  readonly #inner: UdpSocket;
  readonly #outer = new Map<4 | 6, UdpSocket>();
  readonly #destinations = new Map<string, Destination>();
  /** `address port` of those: how many lead there, and when something came from there. */
  readonly #heard = new Map<string, { count: number; atMs: number }>();
  readonly #peer: string;
  readonly #place: Place<LiveWay>;
  #policy: EgressPolicy;
  #peerPort: number | undefined;
  #waiting = 0;
  #over = false;

  /** `client`: logged in, its own bytes no longer read by anybody. */
  constructor(client: Socket, context: UdpContext, timing: { sweeper: Sweeper; idleMs: number }) {
    this.#client = client;
    this.#context = context;
    this.#sweeper = timing.sweeper;
    this.#idleMs = timing.idleMs;
    this.deadlineMs = performance.now() + timing.idleMs;
    this.#peer = canonical(client.remoteAddress ?? "");
    this.#inner = createSocket(isIPv6(client.localAddress ?? "") ? "udp6" : "udp4");
    this.#inner.on("error", () => client.destroy());
    this.#inner.on("message", (bytes, { address, port }) => this.#fromClient(bytes, address, port));
    client.once("close", () => this.#end());
    timing.sweeper.add(this);
    this.#policy = context.policy;
    this.#place = context.ways.add(this);
  }

  follow(policy: EgressPolicy): void {
    this.#policy = policy;
    for (const [key, { ip, port }] of this.#destinations) if (policy.blocks(ip, port)) this.#forget(key);
  }

  /** Where the client is to send its datagrams; nothing where there is no such place. */
  open(): Promise<{ ip: Ip; port: number } | undefined> {
    const { promise, resolve } = Promise.withResolvers<{ ip: Ip; port: number } | undefined>();
    this.#inner.once("error", () => resolve(undefined));
    this.#inner.once("close", () => resolve(undefined));
    const local = this.#client.localAddress ?? "";
    this.#inner.bind({ address: local, port: 0 }, () => {
      const { address, port } = this.#inner.address();
      const { publicAddresses } = this.#context;
      const known = publicAddresses.size === 0 || publicAddresses.has(canonical(address));
      const ip = unmap(parseIp(address.split("%")[0]!)!);
      // Behind a NAT: the address that the client has reached us at, which clients read out of zeros.
      resolve({ ip: known ? ip : new Uint8Array(ip.length), port });
    });
    return promise;
  }

  expire(): void {
    this.#client.destroy();
  }

  #fromClient(bytes: Buffer, address: string, port: number): void {
    if (canonical(address) !== this.#peer || (this.#peerPort ?? port) !== port) return;
    const datagram = readSocksDatagram(bytes);
    if (datagram === undefined) return;
    this.#peerPort = port;
    this.deadlineMs = this.#sweeper.nowMs + this.#idleMs;
    const known = this.#destinations.get(datagram.key);
    if (known !== undefined && (known.untilMs > this.#sweeper.nowMs || this.#answers(known))) {
      // Used last: it goes to the end of the line.
      this.#destinations.delete(datagram.key);
      this.#destinations.set(datagram.key, known);
      this.#send(known, datagram.data);
    } else void this.#sendFirst(datagram.host, datagram.port, datagram.key, datagram.data);
  }

  async #sendFirst(hostText: string, port: number, key: string, data: Buffer): Promise<void> {
    const host = parseHost(hostText);
    const { resolve } = this.#context;
    if (host === undefined || !this.#policy.opensPort(port) || this.#waiting >= WAITING_MOST) return;
    let addresses: readonly Ip[];
    if ("ip" in host) addresses = [host.ip];
    else {
      this.#waiting += 1;
      const resolution = await resolve(host.name);
      this.#waiting -= 1;
      if (!resolution.ok) return;
      addresses = resolution.addresses;
    }
    const found = addresses.find((ip) => this.#policy.opens(ip, port));
    if (found === undefined || this.#over) return;
    const ip = unmap(found);
    const destination = { ip, address: formatIp(ip), port, untilMs: performance.now() + RESOLVED_MS };
    this.#remember(key, destination);
    this.#send(destination, data);
  }

  #remember(key: string, destination: Destination): void {
    this.#forget(key);
    if (this.#destinations.size >= DESTINATIONS_MOST) this.#forget(this.#destinations.keys().next().value!);
    this.#destinations.set(key, destination);
    const heard = this.#heard.get(endsOf(destination));
    if (heard === undefined)
      this.#heard.set(endsOf(destination), { count: 1, atMs: Number.NEGATIVE_INFINITY });
    else heard.count += 1;
  }

  #answers(destination: Destination): boolean {
    const heard = this.#heard.get(endsOf(destination));
    return heard !== undefined && heard.atMs + RESOLVED_MS > this.#sweeper.nowMs;
  }

  #forget(key: string): void {
    const destination = this.#destinations.get(key);
    if (destination === undefined) return;
    this.#destinations.delete(key);
    const heard = this.#heard.get(endsOf(destination));
    if (heard !== undefined && --heard.count === 0) this.#heard.delete(endsOf(destination));
  }

  #send({ ip, address, port }: Destination, data: Buffer): void {
    const socket = this.#outerOf(ip.length === 4 ? 4 : 6);
    // What the kernel refuses (too large, no way there) is lost, as datagrams may be.
    if (socket.getSendQueueSize() < QUEUE_LIMIT_BYTES) socket.send(data, port, address, () => {});
  }

  #outerOf(family: 4 | 6): UdpSocket {
    const had = this.#outer.get(family);
    if (had !== undefined) return had;
    const socket = createSocket({ type: family === 4 ? "udp4" : "udp6", ipv6Only: family === 6 });
    this.#outer.set(family, socket);
    socket.on("error", () => this.#client.destroy());
    socket.on("message", (data, { address, port }) => this.#fromOutside(data, address, port));
    return socket;
  }

  #fromOutside(data: Buffer, address: string, port: number): void {
    const heard = this.#heard.get(endsOf({ address, port }));
    if (this.#peerPort === undefined || heard === undefined) return;
    heard.atMs = this.#sweeper.nowMs;
    if (this.#inner.getSendQueueSize() >= QUEUE_LIMIT_BYTES) return;
    this.deadlineMs = this.#sweeper.nowMs + this.#idleMs;
    this.#inner.send(
      [socksDatagramHead(parseIp(address)!, port), data],
      this.#peerPort,
      this.#client.remoteAddress ?? this.#peer,
      () => {},
    );
  }

  #end(): void {
    this.#over = true;
    this.#sweeper.delete(this);
    this.#context.ways.delete(this.#place);
    this.#inner.close();
    for (const socket of this.#outer.values()) socket.close();
    this.#outer.clear();
  }
}
