import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../../lib/clock.ts";
import { Forgetting } from "./forgetting.ts";

const SECOND = 1000;

/** An engine with one peer, and the clock it lives by. */
function scene() {
  const clock = new FakeClock();
  const peer = { handshake: 0, heard: false };
  const shakeHands = () => Object.assign(peer, { handshake: Math.floor(clock.now() / 1000), heard: true });
  const look = (forgetting: Forgetting) =>
    forgetting.look(
      { handshakes: new Map([["peer", peer.handshake]]), heard: new Set(peer.heard ? ["peer"] : []) },
      clock.monotonic(),
      clock.now(),
    );
  /** Seconds until it is forgotten, looking every two; undefined: not within ten minutes. */
  const forgottenAfter = (forgetting: Forgetting) => {
    for (let seconds = 0; seconds <= 600; seconds += 2) {
      if (look(forgetting).forget.length > 0) return seconds;
      clock.advance(2 * SECOND);
    }
    return undefined;
  };
  return { clock, peer, shakeHands, look, forgottenAfter };
}

test("a peer without a word is neither online nor forgotten", () => {
  const { look, forgottenAfter } = scene();
  const forgetting = new Forgetting();
  assert.deepEqual(look(forgetting), { online: [], forget: [] });
  assert.equal(forgottenAfter(forgetting), undefined);
});

test("forgotten 180 s after the last handshake, and online until then", () => {
  const { clock, shakeHands, look, forgottenAfter } = scene();
  const forgetting = new Forgetting();
  look(forgetting);
  shakeHands();
  assert.deepEqual(look(forgetting), { online: ["peer"], forget: [] });
  clock.advance(120 * SECOND);
  shakeHands();
  assert.equal(forgottenAfter(forgetting), 180);
});

test("one that never completes a handshake is forgotten 180 s after its first word, and never online", () => {
  const { peer, look, forgottenAfter } = scene();
  const forgetting = new Forgetting();
  peer.heard = true;
  assert.deepEqual(look(forgetting), { online: [], forget: [] });
  assert.equal(forgottenAfter(forgetting), 180);
});

test("a clock that is set while it runs changes nothing", () => {
  for (const jump of [-86_400, -60, 60, 86_400]) {
    const { clock, shakeHands, look, forgottenAfter } = scene();
    const forgetting = new Forgetting();
    look(forgetting);
    shakeHands();
    look(forgetting);
    clock.jump(jump * SECOND);
    assert.equal(forgottenAfter(forgetting), 180, String(jump));
  }
});

test("a process that starts later takes the handshake's own time", () => {
  const { clock, shakeHands, look, forgottenAfter } = scene();
  shakeHands();
  clock.advance(100 * SECOND);
  const later = new Forgetting();
  assert.deepEqual(look(later).online, ["peer"]);
  assert.equal(forgottenAfter(later), 80);
});

test("a start after a long pause or a clock that went ahead forgets at once; after one that went back, within 180 s", () => {
  const ahead = scene();
  ahead.shakeHands();
  ahead.clock.jump(3_600 * SECOND);
  assert.equal(ahead.forgottenAfter(new Forgetting()), 0);
  const back = scene();
  back.shakeHands();
  back.clock.jump(-3_600 * SECOND);
  assert.equal(back.forgottenAfter(new Forgetting()), 180);
});

test("forgotten once, not again and again", () => {
  const { peer, look, forgottenAfter } = scene();
  const forgetting = new Forgetting();
  peer.heard = true;
  forgottenAfter(forgetting);
  Object.assign(peer, { handshake: 0, heard: false });
  assert.deepEqual(look(forgetting), { online: [], forget: [] });
});

test("of two that come between two looks the one whose handshake was earlier is told first, whatever their keys are", () => {
  const heard = new Set(["a", "b"]);
  const look = (first: number, second: number) =>
    new Forgetting().look(
      {
        handshakes: new Map([
          ["a", first],
          ["b", second],
        ]),
        heard,
      },
      0,
      0,
    ).online;
  assert.deepEqual(look(1000, 1001), ["a", "b"]);
  assert.deepEqual(look(1001, 1000), ["b", "a"]);
});
