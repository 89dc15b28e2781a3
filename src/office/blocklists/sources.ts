import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pathProblem } from "../../lib/path-problem.ts";
import { OFFICE } from "../users.ts";
import { namesOf } from "./text.ts";

/** A source that cannot be taken; the message is for the operator. */
export class SourceError extends Error {
  override name = "SourceError";
}

const BYTES_MOST = 128 << 20;
const NAMES_MOST = 2_000_000;
const LINE_MOST = 4096;
const TIMEOUT_MS = 120_000;
/** So that the office answers meanwhile. */
const LINES_AT_ONCE = 5000;

/**
 * Reads what one source blocks: a file's path, or an https address. Adds to `names`. Throws SourceError where it cannot be
 * read, is larger than any list, or has not a single name: a page of errors is no list.
 */
export async function readSource(
  source: string,
  names: Set<string>,
  options: { fetch?: typeof fetch } = {},
): Promise<{ found: number; skipped: number }> {
  const stream = source.startsWith("/")
    ? openFile(source)
    : await openAddress(source, options.fetch ?? fetch);
  let bytes = 0;
  let found = 0;
  let skipped = 0;
  let lines = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > BYTES_MOST) stream.destroy(new SourceError("is larger than 128 MiB"));
  });
  const failed = new Promise<never>((_, reject) => stream.once("error", reject));
  failed.catch(() => {});
  const read = async (): Promise<void> => {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      const block = line.length > LINE_MOST ? undefined : namesOf(line);
      if (block === undefined) skipped += 1;
      else for (const name of block) names.add(name);
      found += block?.length ?? 0;
      if (names.size > NAMES_MOST) throw new SourceError(`has more than ${NAMES_MOST} names`);
      lines += 1;
      if (lines % LINES_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  try {
    await Promise.race([failed, read().then(() => new Promise((resolve) => setImmediate(resolve)))]);
  } catch (error) {
    throw error instanceof SourceError ? error : new SourceError("cannot be read to its end");
  } finally {
    stream.destroy();
  }
  if (found === 0) throw new SourceError("holds not a single name");
  return { found, skipped };
}

function openFile(path: string): Readable {
  const problem = pathProblem(path, "file", OFFICE);
  if (problem !== undefined) throw new SourceError(problem);
  return createReadStream(path);
}

async function openAddress(address: string, get: typeof fetch): Promise<Readable> {
  const response = await get(address, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => undefined);
  if (response === undefined) throw new SourceError("does not answer");
  if (!response.url.startsWith("https:") && response.url !== "")
    throw new SourceError("leads to an address without TLS");
  if (!response.ok || response.body === null) throw new SourceError(`answers ${response.status}`);
  return Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
}
