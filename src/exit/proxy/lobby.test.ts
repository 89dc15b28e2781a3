import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { describe, it } from "node:test";
import { createLobby } from "./lobby.ts";
import { Sweeper } from "./sweeper.ts";

class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

describe("the lobby", () => {
  const guests = (count: number): FakeSocket[] => Array.from({ length: count }, () => new FakeSocket());
  const asSocket = (fake: FakeSocket): Socket => fake as unknown as Socket;

  it("shows the oldest out when it is full, and nobody who has left it", () => {
    const sweeper = new Sweeper();
    const lobby = createLobby({ sweeper, limit: 3 });
    const [first, second, third, fourth, fifth] = guests(5) as [
      FakeSocket,
      FakeSocket,
      FakeSocket,
      FakeSocket,
      FakeSocket,
    ];
    lobby.enter(asSocket(first), 10_000).leave();
    for (const fake of [second, third, fourth]) lobby.enter(asSocket(fake), 10_000);
    assert.equal(second.destroyed, false);
    lobby.enter(asSocket(fifth), 10_000);
    assert.deepEqual(
      [first, second, third, fourth, fifth].map(({ destroyed }) => destroyed),
      [false, true, false, false, false],
    );
    assert.equal(lobby.size, 3);
    third.destroy();
    assert.equal(lobby.size, 2);
    sweeper.close();
  });

  it("ends who has not left in time", async () => {
    const sweeper = new Sweeper();
    const lobby = createLobby({ sweeper, limit: 3 });
    const [late, gone] = guests(2) as [FakeSocket, FakeSocket];
    lobby.enter(asSocket(late), 1);
    lobby.enter(asSocket(gone), 1).leave();
    await new Promise((resolve) => setTimeout(resolve, 5));
    sweeper.sweep();
    assert.equal(late.destroyed, true);
    assert.equal(gone.destroyed, false);
    sweeper.close();
  });
});
