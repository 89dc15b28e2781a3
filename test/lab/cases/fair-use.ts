import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Namespace } from "../namespace.ts";
import type { LabExit, ServicesScene } from "../services-scene.ts";

interface Queue {
  kind: string;
  handle: string;
  root?: boolean;
}

/** The uplink's queue on an exit: CAKE or fq_codel where this kernel has one, the kernel's own where not, and nothing slower. */
export function fairUseCases(scene: () => ServicesScene): void {
  const rootQueue = async (place: Namespace): Promise<Queue> => {
    const { stdout } = await place.run(["tc", "-j", "qdisc", "show", "dev", "eth0"]);
    return (JSON.parse(stdout) as Queue[]).find(({ root }) => root === true)!;
  };
  const network = (exit: LabExit): Namespace => new Namespace(exit.machine.name);
  /** Whether this kernel has a kind of queue: tried on a device of no use to anybody. */
  const has = async (place: Namespace, kind: string): Promise<boolean> => {
    await place.run(["ip", "link", "add", "queue0", "type", "veth", "peer", "name", "queue1"]);
    const { code } = await place.run(["tc", "qdisc", "replace", "dev", "queue0", "root", kind]);
    await place.run(["ip", "link", "delete", "queue0"]);
    return code === 0;
  };

  describe("fair use", () => {
    test("each exit's uplink has the best queue that the kernel knows, and the internet's router, which is not ours, its own", async (context) => {
      const { world, exits } = scene();
      for (const exit of exits) {
        const place = network(exit);
        const best = (await has(place, "cake"))
          ? "cake"
          : (await has(place, "fq_codel"))
            ? "fq_codel"
            : undefined;
        context.diagnostic(`${exit.name}: ${best ?? "this kernel has neither CAKE nor fq_codel"}`);
        const { kind, handle } = await rootQueue(place);
        if (best === undefined) assert.equal(handle, "0:", `${exit.name}: the kernel's own`);
        else assert.deepEqual([kind, handle], [best, "1e7e:"], exit.name);
      }
      const { stdout } = await world.internet.run(["tc", "-j", "qdisc", "show", "dev", "exit1"]);
      assert.ok(
        (JSON.parse(stdout) as Queue[]).every(({ handle }) => handle !== "1e7e:"),
        "control",
      );
    });
  });
}
