import { connect } from "node:net";
import { dialled } from "./self-test/addresses.ts";

/** Whether somebody listens there (TCP), found by connecting for an instant. Never rejects. */
export function accepts({ address, port }: { address: string; port: number }): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: dialled(address), port });
  socket.setTimeout(1000, () => socket.destroy());
  socket.once("connect", () => {
    resolve(true);
    socket.destroy();
  });
  socket.once("error", () => resolve(false));
  socket.once("close", () => resolve(false));
  return promise;
}
