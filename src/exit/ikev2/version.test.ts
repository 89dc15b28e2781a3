import assert from "node:assert/strict";
import { test } from "node:test";
import { mended } from "./version.ts";

const atLeast = async (version: string, floor: string): Promise<boolean> =>
  Number(version.split("deb12u")[1]) >= Number(floor.split("deb12u")[1]);

test("Debian 12 is new enough from its sixth update on", async () => {
  assert.equal(await mended("5.9.8-5+deb12u5", "", atLeast), false);
  assert.equal(await mended("5.9.8-5+deb12u6", "", atLeast), true);
});

test("elsewhere the changelog says whether it has been mended", async () => {
  assert.equal(await mended("6.0.1-6+deb13u3", "", atLeast), false);
  assert.equal(await mended("6.0.1-6+deb13u9", "  * CVE-2026-78135: Reject CREATE_CHILD_SA", atLeast), true);
});
