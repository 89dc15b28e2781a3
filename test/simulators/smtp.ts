import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, TLSSocket } from "node:tls";

/**
 * A small mail server for tests (RFC 5321; RFC 3207 STARTTLS; RFC 4954 AUTH PLAIN), on loopback. It keeps what it is given
 * and sends nothing on.
 */
export interface ReceivedLetter {
  /** The envelope. */
  from: string;
  to: string[];
  /** As it came, dots unstuffed, lines ended by \r\n. */
  raw: string;
  /** The header fields, unfolded, in their order. */
  headers: [name: string, value: string][];
  /** The decoded text. */
  text: string;
  /** Whether it came under TLS, and the name the client gave itself. */
  secure: boolean;
  greetedAs: string;
}

export interface SmtpOptions {
  /** PEM; without it the server offers no STARTTLS. */
  pair?: { key: string; certificate: string };
  /** TLS from the first byte. */
  implicitTls?: boolean;
  /** Whoever does not log in with these may send nothing. */
  login?: { user: string; password: string };
  /** Asked before it takes a letter: a reply such as "550 no such mailbox", or undefined. */
  refuse?: (step: "connect" | "mail" | "rcpt" | "data", value: string) => string | undefined;
}

export interface SmtpSimulator {
  port: number;
  letters: ReceivedLetter[];
  /** Every line that clients sent but the letters' own. */
  lines: string[];
  /** Resolves with the letters once there are so many; rejects after ten seconds. */
  until(count: number): Promise<ReceivedLetter[]>;
  close(): Promise<void>;
}

export async function startSmtp(options: SmtpOptions = {}, port = 0): Promise<SmtpSimulator> {
  const letters: ReceivedLetter[] = [];
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  const taken = (letter: ReceivedLetter) => {
    letters.push(letter);
    for (const wake of waiting.splice(0)) wake();
  };
  const serve = (socket: Socket, secure: boolean) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    talk({ socket, secure, greet: true }, options, lines, taken);
  };
  const { pair } = options;
  const server: Server =
    options.implicitTls && pair !== undefined
      ? createTlsServer({ key: pair.key, cert: pair.certificate }, (socket) => serve(socket, true))
      : createServer((socket) => serve(socket, false));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    letters,
    lines,
    async until(count) {
      const deadline = performance.now() + 10_000;
      while (letters.length < count) {
        const left = deadline - performance.now();
        if (left <= 0) throw new Error(`${letters.length} letters came, not ${count}`);
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.push(resolve);
        const timer = setTimeout(resolve, left);
        await promise;
        clearTimeout(timer);
      }
      return letters;
    },
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

interface Connection {
  socket: Socket;
  secure: boolean;
  /** False after STARTTLS: the client speaks first then. */
  greet: boolean;
}

function talk(
  { socket, secure, greet }: Connection,
  options: SmtpOptions,
  lines: string[],
  taken: (letter: ReceivedLetter) => void,
): void {
  const { pair, login, refuse } = options;
  let held = "";
  let greetedAs = "";
  let loggedIn = login === undefined;
  let from = "";
  let to: string[] = [];
  let data: string[] | undefined;
  const say = (...replies: string[]) => socket.write(replies.map((line) => `${line}\r\n`).join(""));
  const command = (line: string): void => {
    lines.push(line);
    const verb = line.split(/[ :]/)[0]!.toUpperCase();
    const value = /<([^>]*)>/.exec(line)?.[1] ?? "";
    if (verb === "EHLO" || verb === "HELO") {
      greetedAs = line.slice(5);
      const offers = [
        ...(pair !== undefined && !secure ? ["STARTTLS"] : []),
        ...(login !== undefined ? ["AUTH PLAIN"] : []),
        "8BITMIME",
      ];
      return void say(
        "250-simulator",
        ...offers.slice(0, -1).map((offer) => `250-${offer}`),
        `250 ${offers.at(-1)}`,
      );
    }
    if (verb === "STARTTLS" && pair !== undefined) {
      say("220 go ahead");
      socket.removeAllListeners("data");
      const secureContext = createSecureContext({ key: pair.key, cert: pair.certificate });
      const tls = new TLSSocket(socket, { isServer: true, secureContext });
      return void talk({ socket: tls, secure: true, greet: false }, options, lines, taken);
    }
    if (verb === "AUTH") {
      const [, user, password] = Buffer.from(line.split(" ")[2] ?? "", "base64")
        .toString()
        .split("\0");
      loggedIn = user === login?.user && password === login?.password;
      return void say(loggedIn ? "235 welcome" : "535 wrong name or password");
    }
    if (verb === "MAIL") {
      if (!loggedIn) return void say("530 log in first");
      const no = refuse?.("mail", value);
      if (no !== undefined) return void say(no);
      from = value;
      to = [];
      return void say("250 ok");
    }
    if (verb === "RCPT") {
      const no = refuse?.("rcpt", value);
      if (no === undefined) to.push(value);
      return void say(no ?? "250 ok");
    }
    if (verb === "DATA") {
      data = [];
      return void say("354 go on");
    }
    if (verb === "QUIT") return void socket.end("221 bye\r\n");
    if (verb === "RSET" || verb === "NOOP") return void say("250 ok");
    say("502 not here");
  };
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    held += chunk.toString("latin1");
    for (;;) {
      const end = held.indexOf("\r\n");
      if (end < 0) return;
      const line = held.slice(0, end);
      held = held.slice(end + 2);
      if (data === undefined) command(line);
      else if (line !== ".") data.push(line.startsWith(".") ? line.slice(1) : line);
      else {
        const raw = `${data.join("\r\n")}\r\n`;
        data = undefined;
        const no = refuse?.("data", raw);
        if (no === undefined) taken({ from, to, raw, secure, greetedAs, ...readLetter(raw) });
        say(no ?? "250 taken");
      }
    }
  });
  if (!greet) return;
  const closed = refuse?.("connect", "");
  if (closed === undefined) say("220 simulator ESMTP");
  else socket.end(`${closed}\r\n`);
}

/** RFC 5322 headers and a body of one part, in quoted-printable or base64 or as it is (RFC 2045 section 6). */
function readLetter(raw: string): Pick<ReceivedLetter, "headers" | "text"> {
  const [head = "", ...rest] = raw.split("\r\n\r\n");
  const headers = head
    .replaceAll(/\r\n[ \t]+/g, " ")
    .split("\r\n")
    .map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]);
  const body = Buffer.from(rest.join("\r\n\r\n"), "latin1");
  const encoding = headers.find(([name]) => name.toLowerCase() === "content-transfer-encoding")?.[1];
  return { headers, text: decode(body, encoding).replaceAll("\r\n", "\n") };
}

function decode(body: Buffer, encoding: string | undefined): string {
  if (encoding === "base64") return Buffer.from(body.toString("latin1"), "base64").toString("utf8");
  if (encoding !== "quoted-printable") return body.toString("utf8");
  const bytes = body
    .toString("latin1")
    .replaceAll(/=\r\n/g, "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
