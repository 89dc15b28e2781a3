import { connect, type Socket } from "node:net";
import type { Login, Route } from "./load.ts";

/**
 * Before a contender is measured it shows that it does the work: a right login reaches the target and the bytes come
 * through unchanged, a wrong password and a missing login do not. Throws with what it did instead.
 */
export async function checkContender(route: Route, content: Buffer): Promise<void> {
  const wrong = { user: route.login.user, password: "wrongpwd" };
  for (const login of [wrong, undefined]) {
    const socket = await openTunnel(route, login);
    socket?.destroy();
    if (socket !== undefined) throw new Error(login ? "took a wrong password" : "asked for no login");
  }
  const tunnel = await openTunnel(route, route.login);
  if (tunnel === undefined) throw new Error("refused the right login");
  try {
    tunnel.write("F");
    const received = await read(tunnel, content.length + 1);
    if (received.compare(content, 0, content.length, 0, content.length) !== 0) {
      throw new Error("changed the bytes on their way");
    }
  } finally {
    tunnel.destroy();
  }
}

/** A tunnel to the target; nothing where the proxy refused. */
async function openTunnel(route: Route, login: Login | undefined): Promise<Socket | undefined> {
  const socket = connect(route.port, "127.0.0.1");
  socket.setTimeout(10_000, () => socket.destroy());
  socket.on("error", () => {}); // read() sees the end
  const opened = await (route.protocol === "http" ? httpTunnel : socksTunnel)(
    socket,
    route.targetPort,
    login,
  );
  if (opened) return socket;
  socket.destroy();
  return undefined;
}

async function httpTunnel(socket: Socket, port: number, login: Login | undefined): Promise<boolean> {
  const basic = login && Buffer.from(`${login.user}:${login.password}`).toString("base64");
  const authorization = basic === undefined ? "" : `Proxy-Authorization: Basic ${basic}\r\n`;
  socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${authorization}\r\n`);
  let answer = "";
  while (!answer.endsWith("\r\n\r\n")) {
    const byte = await read(socket, 1);
    if (byte.length === 0) return false;
    answer += byte.toString("latin1");
  }
  return / 200 /.test(answer.split("\r\n", 1)[0] ?? "");
}

async function socksTunnel(socket: Socket, port: number, login: Login | undefined): Promise<boolean> {
  socket.write(Buffer.from([5, 1, login ? 2 : 0]));
  if ((await read(socket, 2))[1] !== (login ? 2 : 0)) return false;
  if (login) {
    const { user, password } = login;
    socket.write(
      `\x01${String.fromCharCode(user.length)}${user}${String.fromCharCode(password.length)}${password}`,
    );
    if ((await read(socket, 2))[1] !== 0) return false;
  }
  socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]));
  return (await read(socket, 10))[1] === 0;
}

/** What has come on a socket and was not read yet, and who waits for more. */
interface Inbox {
  chunks: Buffer[];
  bytes: number;
  wake: () => void;
}
const inboxes = new WeakMap<Socket, Inbox>();

function openInbox(socket: Socket): Inbox {
  const inbox: Inbox = { chunks: [], bytes: 0, wake: () => {} };
  socket.on("data", (chunk) => {
    inbox.chunks.push(chunk);
    inbox.bytes += chunk.length;
    inbox.wake();
  });
  for (const event of ["end", "close"]) socket.on(event, () => inbox.wake());
  inboxes.set(socket, inbox);
  return inbox;
}

/** `length` bytes, or none where the connection ended before. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  const inbox = inboxes.get(socket) ?? openInbox(socket);
  while (inbox.bytes < length) {
    if (socket.readableEnded || socket.destroyed) return Buffer.alloc(0);
    await new Promise<void>((resolve) => {
      inbox.wake = resolve;
    });
  }
  const all = Buffer.concat(inbox.chunks);
  inbox.chunks = [all.subarray(length)];
  inbox.bytes = all.length - length;
  return all.subarray(0, length);
}
