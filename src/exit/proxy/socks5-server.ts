import type { Socket } from "node:net";
import type { Refusal, Session } from "../authorise.ts";
import { clientAddress, type ProxyContext } from "./context.ts";
import type { OpenFailure, Opening } from "./open.ts";
import { connectUpstream, relay } from "./relay.ts";
import {
  SOCKS_METHOD,
  SOCKS_REPLY,
  type SocksMessage,
  SocksReader,
  type SocksReply,
  socksBound,
  socksReply,
} from "./socks5.ts";
import { UdpAssociation } from "./udp-association.ts";

/** RFC 1928 section 4; BIND, 2, is refused: a way back would make the exit a server. */
const CONNECT = 1;
const UDP_ASSOCIATE = 3;
/** What a client may send ahead while we log it in and dial. */
const EARLY_LIMIT_BYTES = 64 * 1024;

/** RFC 1929 section 2: any status but 0 is a failure; which one is ours to choose, and some clients show it. */
const LOGIN_STATUS: Record<Refusal, number> = {
  unknown: 1,
  expired: 2,
  "slow-down": 3,
  "too-many": 4,
  unavailable: 5,
  draining: 6,
};

const REPLY_OF: Record<OpenFailure, SocksReply> = {
  closed: SOCKS_REPLY.notAllowed,
  "no-such-name": SOCKS_REPLY.hostUnreachable,
  "name-unavailable": SOCKS_REPLY.generalFailure,
  "timed-out": SOCKS_REPLY.ttlExpired,
  refused: SOCKS_REPLY.connectionRefused,
  "network-unreachable": SOCKS_REPLY.networkUnreachable,
  "host-unreachable": SOCKS_REPLY.hostUnreachable,
  failed: SOCKS_REPLY.generalFailure,
  aborted: SOCKS_REPLY.generalFailure,
};

const GREETED = Buffer.from([5, SOCKS_METHOD.password]);
const LOGGED_IN = Buffer.from([1, 0]);
const CONNECTED = socksReply(SOCKS_REPLY.succeeded);

/** Serves one accepted connection from its greeting to its tunnel. */
export function serveSocks5(
  client: Socket,
  context: ProxyContext,
  service: "socks5" | "socks5-tls" = "socks5",
): void {
  const reader = new SocksReader();
  const guest = context.lobby.enter(client, context.limits.handshakeMs);
  let session: Session | undefined;
  let open = context.open;
  let draining = false;
  let opening: Opening | undefined;
  let waiting = false;
  let early: Buffer[] = [];
  let earlyBytes = 0;

  const refuse = (answer: Buffer): void => {
    guest.leave();
    session?.close();
    context.lobby.dismiss(client, answer);
  };

  const logIn = async (username: string, password: string): Promise<void> => {
    waiting = true;
    const address = clientAddress(client);
    const admission = await context.authoriser.login({ service, username, password, address });
    waiting = false;
    if (!admission.admitted && admission.reason === "draining") {
      // A login that fails makes clients ask for another password: that the server takes nobody is said to the request.
      draining = true;
      client.write(LOGGED_IN);
      step();
      return;
    }
    if (!admission.admitted) {
      refuse(Buffer.from([1, LOGIN_STATUS[admission.reason]]));
      return;
    }
    session = admission.session;
    if (client.destroyed) {
      session.close();
      return;
    }
    if (admission.selfTest) open = context.openSelfTest;
    session.onCut(() => client.destroy());
    client.write(LOGGED_IN);
    step();
  };

  const goTo = async (host: string, port: number): Promise<void> => {
    waiting = true;
    const rest = reader.rest();
    if (rest.length > 0) keep(rest);
    opening = open(host, port, connectUpstream);
    const opened = await opening.opened;
    opening = undefined;
    guest.leave();
    if (client.destroyed) {
      if (opened.ok) opened.socket.destroy();
      return;
    }
    if (!opened.ok) {
      refuse(socksReply(REPLY_OF[opened.reason]));
      return;
    }
    client.write(CONNECTED);
    relay(client, opened.socket, {
      idleMs: context.limits.idleMs,
      head: early.length === 1 ? early[0]! : Buffer.concat(early),
      sweeper: context.sweeper,
    });
    early = [];
  };

  const associate = async (): Promise<void> => {
    if (open !== context.open) return refuse(socksReply(SOCKS_REPLY.notAllowed));
    waiting = true;
    const { sweeper, limits } = context;
    const association = new UdpAssociation(client, context.udp, { sweeper, idleMs: limits.idleMs });
    const place = await association.open();
    guest.leave();
    if (client.destroyed) return;
    if (place === undefined) return refuse(socksReply(SOCKS_REPLY.generalFailure));
    // The connection says nothing more: it stands for the association and ends it.
    client.removeListener("data", onData);
    client.on("data", () => {});
    client.once("end", () => client.destroy());
    client.resume();
    if (client.readableEnded) client.destroy();
    else client.write(socksBound(place.ip, place.port));
  };

  const on = (message: SocksMessage): void => {
    switch (message.kind) {
      case "malformed":
        if (message.what === "address-type") refuse(socksReply(SOCKS_REPLY.addressTypeNotSupported));
        else client.destroy();
        return;
      case "greeting":
        if (message.offersPassword) client.write(GREETED);
        else refuse(Buffer.from([5, SOCKS_METHOD.noneAcceptable]));
        return;
      case "login":
        void logIn(message.username, message.password);
        return;
      case "request":
        if (draining) refuse(socksReply(SOCKS_REPLY.generalFailure));
        else if (message.command === CONNECT) void goTo(message.host, message.port);
        // Datagrams are not inside the connection: over TLS they would leave what was to be hidden in the clear.
        else if (message.command === UDP_ASSOCIATE && service === "socks5") void associate();
        else refuse(socksReply(SOCKS_REPLY.commandNotSupported));
        return;
    }
  };

  /** Acts on every message that is whole, but never past one that waits for an answer. */
  const step = (): void => {
    while (!waiting && !client.destroyed && !client.writableEnded) {
      const message = reader.next();
      if (message) on(message);
      else if (client.readableEnded) client.destroy();
      else return;
    }
  };

  const keep = (chunk: Buffer): void => {
    early.push(chunk);
    earlyBytes += chunk.length;
    if (earlyBytes > EARLY_LIMIT_BYTES) client.pause();
  };

  const onData = (chunk: Buffer): void => {
    if (opening) {
      keep(chunk);
      return;
    }
    earlyBytes += chunk.length;
    if (earlyBytes > EARLY_LIMIT_BYTES) client.pause();
    reader.push(chunk);
    step();
  };

  client.on("data", onData);
  client.on("error", () => client.destroy());
  // A client may close its side behind the request (RFC 9293 half-close); before that there is nothing to go on with.
  client.once("end", step);
  client.once("close", () => {
    opening?.abort();
    session?.close();
  });
}
