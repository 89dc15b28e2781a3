import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";

/**
 * A reporter (`node --test --test-reporter=…`) that writes the name of each test that ran, `file › suite › test`, one a
 * line; of a test that was skipped it writes nothing. Lines stand in the order of the files' names.
 */
export default async function* ran(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const lines: string[] = [];
  let path: string[] = [];
  for await (const { type, data } of source) {
    if (type === "test:start") path = [...path.slice(0, data.nesting), data.name];
    if (type !== "test:pass" && type !== "test:fail") continue;
    const { name, nesting, file = "", details, skip } = data;
    // A file that holds no test of that name reports itself as one.
    if (details.type === "suite" || skip !== undefined || name === file || name.endsWith(".test.ts"))
      continue;
    lines.push([relative(process.cwd(), file), ...path.slice(0, nesting), name].join(" › "));
  }
  for (const line of lines.sort()) yield `${line}\n`;
}
