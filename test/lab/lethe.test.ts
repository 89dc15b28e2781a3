import { after, before, describe } from "node:test";
import { cutCases } from "./cases/cuts.ts";
import { isolationCases } from "./cases/isolation.ts";
import { killedCases } from "./cases/killed.ts";
import { onlineCases } from "./cases/online.ts";
import { personCases } from "./cases/person.ts";
import { firstStatusCases, statusCases } from "./cases/status.ts";
import { traceCases } from "./cases/traces.ts";
import { skipOrFail } from "./requirements.ts";
import { Scene } from "./scene.ts";

/**
 * Lethe as members and visitors meet it, in one world from first to last: the status page shows a five-minute slot only
 * once it is over, so the cases that make the traffic come first.
 */
describe("Lethe on an exit", { skip: skipOrFail() }, () => {
  const startedMs = Date.now();
  let opened: Scene | undefined;
  const scene = (): Scene => opened!;
  before(async () => {
    opened = await Scene.open();
  });
  after(() => opened?.close());

  firstStatusCases(scene);
  personCases(scene);
  onlineCases(scene);
  isolationCases(scene);
  killedCases(scene);
  cutCases(scene);
  traceCases(scene, startedMs);
  statusCases(scene);
});
