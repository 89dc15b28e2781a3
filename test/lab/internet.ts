/**
 * The lab's "internet": web, mail and DNS in one process inside its namespace. Who asked what stays in memory and is told
 * to the test over Node's IPC channel. With the argument `web` alone (private host, the operator's service) only the
 * web server runs, on the port named next.
 */
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { lab } from "./addresses.ts";
import { answerDns, type DnsQuestion } from "./dns-responder.ts";

export interface WebRequest {
  path: string;
  /** Who asked, as the server sees it, and from which port. */
  from: string;
  fromPort: number;
  headers: string[];
}

export interface InternetLog {
  web: WebRequest[];
  dns: DnsQuestion[];
  /** TCP connections to ports 25 and `lab.deniedPort`. */
  connections: { port: number; from: string }[];
}

const BLOCK = 64 << 10;

/** The `index`th 64 KiB of the stream that `/bytes` serves. */
function block(index: number): Buffer {
  const head = createHash("sha256").update(`lethe lab ${index}`).digest();
  const out = Buffer.alloc(BLOCK);
  for (let at = 0; at < BLOCK; at += head.length) head.copy(out, at);
  return out;
}

/** SHA-256 in hex of the first `count` bytes of what `/bytes` serves. */
export function hashOfBytes(count: number): string {
  const hash = createHash("sha256");
  for (let index = 0; index * BLOCK < count; index++)
    hash.update(block(index).subarray(0, count - index * BLOCK));
  return hash.digest("hex");
}

const plain = (address: string | undefined): string => (address ?? "").replace(/^::ffff:/, "");

/** Downloads without an end of their own that still go on. */
const marks = new Set<string>();

function webServer(log: InternetLog) {
  return createHttpServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://lab");
    const from = plain(request.socket.remoteAddress);
    log.web.push({
      path: url.pathname + url.search,
      from,
      fromPort: request.socket.remotePort ?? 0,
      headers: request.rawHeaders,
    });
    if (url.pathname === "/ip") return response.end(`${from}\n`);
    if (url.pathname === "/page") {
      response.setHeader("content-type", "text/html; charset=utf-8");
      return response.end(`<!doctype html><title>lab</title><p id="ip">${from}</p>`);
    }
    if (url.pathname === "/sink") {
      let count = 0;
      for await (const chunk of request) count += (chunk as Buffer).length;
      return response.end(`${count}\n`);
    }
    const mark = url.searchParams.get("until");
    if (mark !== null) marks.add(mark);
    if (url.pathname !== "/bytes") return response.writeHead(404).end();
    // With `until=<mark>` the end comes when the test says so, not after `n` bytes.
    const count = mark === null ? Number(url.searchParams.get("n") ?? 0) : Infinity;
    const bytesPerSecond = Number(url.searchParams.get("rate") ?? Infinity);
    const length = mark === null ? { "content-length": count } : {};
    response.writeHead(200, { "content-type": "application/octet-stream", ...length });
    const started = performance.now();
    const more = (sent: number) => (mark === null ? sent < count : marks.has(mark)) && !response.destroyed;
    for (let sent = 0, index = 0; more(sent); index++) {
      const part = block(index).subarray(0, count - sent);
      if (!response.write(part)) {
        await new Promise<void>((resolve) => {
          const goOn = () => {
            response.off("drain", goOn).off("close", goOn);
            resolve();
          };
          response.on("drain", goOn).on("close", goOn);
        });
      }
      sent += part.length;
      const ahead = (sent / bytesPerSecond) * 1000 - (performance.now() - started);
      if (ahead > 5) await sleep(ahead);
    }
    return response.end();
  });
}

async function serve(mode: string | undefined, portText: string | undefined): Promise<void> {
  const log: InternetLog = { web: [], dns: [], connections: [] };
  const listening: Promise<unknown>[] = [];
  const web = webServer(log);
  listening.push(
    new Promise<void>((resolve) => web.listen(mode === "web" ? Number(portText) : 80, "::", resolve)),
  );
  if (mode !== "web") {
    for (const port of [25, lab.deniedPort]) {
      const server = createTcpServer((socket) => {
        log.connections.push({ port, from: plain(socket.remoteAddress) });
        socket.on("error", () => {});
        socket.end("220 mail.lab.example\r\n");
      });
      listening.push(new Promise<void>((resolve) => server.listen(port, "::", resolve)));
    }
    for (const address of [lab.internet.resolver, lab.internet.foreignResolver]) {
      const udp = createSocket("udp4");
      udp.on("message", (message, peer) => {
        const answer = answerDns(message, address, peer.address, log.dns);
        if (answer !== undefined) udp.send(answer, peer.port, peer.address);
      });
      listening.push(new Promise<void>((resolve) => udp.bind(53, address, resolve)));
      const tcp = createTcpServer((socket) => {
        let held = Buffer.alloc(0);
        socket.on("error", () => {});
        socket.on("data", (chunk) => {
          held = Buffer.concat([held, chunk]);
          while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
            const end = 2 + held.readUInt16BE(0);
            const answer = answerDns(held.subarray(2, end), address, plain(socket.remoteAddress), log.dns);
            held = held.subarray(end);
            if (answer === undefined) return socket.destroy();
            const length = Buffer.alloc(2);
            length.writeUInt16BE(answer.length);
            socket.write(Buffer.concat([length, answer]));
          }
        });
      });
      listening.push(new Promise<void>((resolve) => tcp.listen(53, address, resolve)));
    }
  }
  await Promise.all(listening);
  process.on("message", (message) => {
    const end = (message as { end?: string }).end;
    if (end !== undefined) return void marks.delete(end);
    if (message === "forget") for (const list of Object.values(log)) list.length = 0;
    process.send?.({ log });
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.("ready");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await serve(process.argv[2], process.argv[3]);
