import { createSocket } from "node:dgram";

/**
 * Datagrams through the tunnel: `serve ADDRESS PORT` answers every one with itself; `ask ADDRESS PORT COUNT EVERY_MS` sends so
 * many and prints how many answers came within a second of the last.
 */
const [verb, address = "", port = "", count = "1", everyMs = "20"] = process.argv.slice(2);
const socket = createSocket("udp4");
socket.on("error", () => {});

if (verb === "serve") {
  socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address));
  socket.bind(Number(port), address, () => process.stdout.write("ready\n"));
} else {
  let sent = 0;
  let answered = 0;
  const end = () => {
    process.stdout.write(`${answered}\n`);
    process.exit(answered === Number(count) ? 0 : 1);
  };
  socket.on("message", () => {
    answered++;
    if (answered === Number(count)) end();
  });
  const timer = setInterval(() => {
    socket.send("hello", Number(port), address, () => {});
    sent++;
    if (sent === Number(count)) {
      clearInterval(timer);
      setTimeout(end, 1000);
    }
  }, Number(everyMs));
}
