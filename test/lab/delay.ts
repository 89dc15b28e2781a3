/**
 * A slow link for TCP: listens on a port and passes every byte on to an address, each way after so many milliseconds.
 * Arguments: port, target's address, target's port, delay in ms. Says "ready" once it listens.
 */
import { connect, createServer, type Socket } from "node:net";

const [port = "", host = "", targetPort = "", delayMs = ""] = process.argv.slice(2);

/** What is held back at most before the sender has to wait. */
const MAX_HELD_BYTES = 4 << 20;

function pass(from: Socket, to: Socket): void {
  let held = 0;
  from.on("data", (chunk) => {
    held += chunk.length;
    if (held > MAX_HELD_BYTES) from.pause();
    setTimeout(() => {
      to.write(chunk);
      held -= chunk.length;
      from.resume();
    }, Number(delayMs));
  });
  from.on("end", () => setTimeout(() => to.end(), Number(delayMs)));
  from.on("error", () => to.destroy());
  from.on("close", () => setTimeout(() => to.destroy(), Number(delayMs)));
}

createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const target = connect({ host, port: Number(targetPort), allowHalfOpen: true, noDelay: true });
  pass(client, target);
  pass(target, client);
}).listen(Number(port), "0.0.0.0", () => process.stdout.write("ready\n"));
