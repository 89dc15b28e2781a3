import { readdirSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { TestEvent } from "node:test/reporters";

/** More than a test says nothing for. */
const SILENT_MS = Number(process.env.LETHE_TEST_SILENT_MS ?? 300_000);

/**
 * A reporter (`node --test --test-reporter=…`) that ends a test file which hangs behind a failure: a test that fails in its middle
 * leaves what it has started (a child, a server, a store), and the file would wait for that for ever instead of being told of.
 * A file where nothing has failed is left alone: what it leaves is to be seen. Writes which files it ended.
 */
export default async function* endFailedFiles(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  /** By file: when something was last heard of it after a failure. */
  const failed = new Map<string, number>();
  const ended: string[] = [];
  const watch = setInterval(() => {
    for (const [file, heardMs] of failed) {
      if (performance.now() - heardMs < SILENT_MS) continue;
      failed.delete(file);
      if (endFile(file)) ended.push(relative(process.cwd(), file));
    }
  }, SILENT_MS / 10);
  // Where a file hangs, the runner waits for it.
  watch.unref();
  for await (const { type, data } of source) {
    const file = data !== undefined && "file" in data ? data.file : undefined;
    if (file !== undefined && (type === "test:fail" || failed.has(file))) failed.set(file, performance.now());
    for (const name of ended.splice(0))
      yield `${name} was ended: one of its tests failed, and nothing was heard of it for ${SILENT_MS / 1000} s.\n`;
  }
  clearInterval(watch);
}

/** The file's process and all that it has started; false where it is over. */
function endFile(file: string): boolean {
  const parents = new Map<number, number>();
  let first: number | undefined;
  for (const name of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const pid = Number(name);
      // proc_pid_stat(5): the name of the program stands in parentheses, and may have some itself.
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      parents.set(pid, parent);
      if (parent !== process.pid) continue;
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      if (words.some((word) => word !== "" && resolve(word) === file)) first = pid;
    } catch {
      // it ended by itself
    }
  }
  if (first === undefined) return false;
  const all = [first];
  for (const pid of all) for (const [child, parent] of parents) if (parent === pid) all.push(child);
  for (const pid of all) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // it ended by itself
    }
  }
  return true;
}
