import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Command } from "commander";
import { openAdminBench } from "../web/admin/testkit.ts";
import type { Office } from "./office-commands.ts";
import { addServerCommands } from "./server-commands.ts";

const SOURCES = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8"))
  .join("\n");

/** Server verbs whose path is put together: what each of these command lines asks the office for. */
async function serverVerbs(): Promise<Set<string>> {
  const asked = new Set<string>();
  const office: Office = {
    ask: (method, path) => {
      asked.add(`${method} ${path}`);
      return Promise.reject(new Error("asked"));
    },
    json: () => false,
  };
  for (const line of ["drain a", "undrain a", "block-port a 25", "unblock-range a 192.0.2.0/24"]) {
    const program = new Command();
    addServerCommands(program, office);
    await assert.rejects(program.parseAsync(["server", ...line.split(" ")], { from: "user" }), /asked/, line);
  }
  return asked;
}

test("whatever the admin pages can ask of the office, a command asks, too", async () => {
  const bench = await openAdminBench();
  try {
    const verbs = await serverVerbs();
    // The admin pages reach the office by its control API alone (web/admin/ask.ts).
    const routes = bench.control.routes.filter(({ method }) => method !== "ALL");
    assert.ok(routes.length > 40, `${routes.length} routes`);
    const missing = routes
      .map(({ method, path }) => ({ method, path }))
      .filter(
        ({ method, path }) =>
          !verbs.has(`${method} ${path}`) && !new RegExp(`"${method}",\\s*"${path}"`).test(SOURCES),
      );
    assert.deepEqual(missing, []);
  } finally {
    await bench.close();
  }
});
