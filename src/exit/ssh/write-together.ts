import type { Socket } from "node:net";

/**
 * What is written to the socket in one go of the program leaves it in one call, and so in as few segments as it fits in. `ssh2`
 * writes a packet's length, text and tag one by one (`Protocol/crypto.js`), each of which would be a segment of its own,
 * whose sizes say where a packet begins and how long it is.
 */
export function writeTogether(socket: Socket): void {
  const write = socket.write.bind(socket) as (...all: unknown[]) => boolean;
  let corked = false;
  const destroy = socket.destroy.bind(socket);
  const uncork = (): void => {
    if (!corked) return;
    corked = false;
    socket.uncork();
  };
  // Last words, why a login ends, are often written in the go that destroys the socket.
  socket.destroy = (error?: Error) => {
    uncork();
    return destroy(error);
  };
  socket.write = (...all: unknown[]): boolean => {
    if (!corked) {
      corked = true;
      socket.cork();
      process.nextTick(uncork);
    }
    return write(...all);
  };
}
