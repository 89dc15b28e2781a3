import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { text } from "node:stream/consumers";

/**
 * A client of SOCKS5's UDP ASSOCIATE, run in a client's namespace (curl knows none): asks a resolver through the proxy, and says
 * what came as one line of JSON.
 *
 *   node socks5-udp.ts <proxy address> <proxy port> <resolver address> <name>      login as JSON on standard input
 */
const [proxy = "", port = "", resolver = "", name = ""] = process.argv.slice(2);
const login = JSON.parse(await text(process.stdin)) as {
  username: string;
  password: string;
};

const say = (answer: object): never => {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
  process.exit(0);
};
setTimeout(() => say({ failed: "no answer" }), 4000);

const tcp = connect(Number(port), proxy);
tcp.on("error", ({ message }) => say({ failed: message }));
let held = Buffer.alloc(0);
const take = (length: number): Promise<Buffer> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (held.length < length) return void tcp.once("data", look);
      resolve(held.subarray(0, length));
      held = held.subarray(length);
    };
    look();
  });
tcp.prependListener("data", (chunk) => {
  held = Buffer.concat([held, chunk]);
});

tcp.write(Uint8Array.of(5, 1, 2));
await take(2);
const [username, password] = [Buffer.from(login.username), Buffer.from(login.password)];
tcp.write(Buffer.concat([Buffer.of(1, username.length), username, Buffer.of(password.length), password]));
const [, status] = await take(2);
if (status !== 0) say({ failed: `login ${status}` });
const command = process.env.SOCKS_COMMAND ?? "3";
tcp.write(Uint8Array.of(5, Number(command), 0, 1, 0, 0, 0, 0, 0, 0));
const [, reply, , type] = await take(4);
if (reply !== 0) say({ reply });
const address = await take(type === 4 ? 16 : 4);
const relay = (await take(2)).readUInt16BE();

// RFC 1035 section 4.1: one question, recursion desired.
const labels = name.split(".").map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
const question = Buffer.concat([
  Buffer.from("123401000001000000000000", "hex"),
  ...labels,
  Buffer.from("0000010001", "hex"),
]);
const to = Buffer.from(resolver.split(".").map(Number));
const udp = createSocket("udp4");
udp.on("message", (bytes) => {
  // Behind the relay's head of 10 bytes: the answer's id, and the last four bytes, its address.
  say({ reply, from: [...bytes.subarray(4, 8)].join("."), answer: [...bytes.subarray(-4)].join(".") });
});
const ask = (): void =>
  udp.send(
    [Buffer.of(0, 0, 0, 1), to, Buffer.of(0, 53), question],
    relay,
    type === 1 && address.some((byte) => byte !== 0) ? [...address].join(".") : proxy,
  );
ask();
setInterval(ask, 500);
