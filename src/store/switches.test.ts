import assert from "node:assert/strict";
import { Switches } from "./switches.ts";
import { onEachStore, openTestStore } from "./testing.ts";

onEachStore(
  "everything is on until it is switched off, for every office and after a restart",
  async (kind) => {
    const { store, openAgain } = await openTestStore(kind);
    const switches = new Switches(store);
    assert.deepEqual([...(await switches.off())], []);
    await switches.set("cash", false);
    await switches.set("cash", false);
    await switches.set("sign-up", false);
    assert.deepEqual([await switches.isOn("cash"), await switches.isOn("paypal")], [false, true]);
    await store.close();
    const again = await openAgain();
    const others = new Switches(again);
    assert.deepEqual([...(await others.off())], ["sign-up", "cash"]);
    await others.set("cash", true);
    await others.set("cash", true);
    assert.deepEqual([...(await others.off())], ["sign-up"]);
    await again.close();
  },
);
