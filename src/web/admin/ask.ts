import type { Hono } from "hono";
import { fail, ok, type Result } from "../../lib/result.ts";

/** Asks what a command would ask; a refusal is the sentence that the command would print. */
export type Ask = <Answer>(
  method: "GET" | "POST",
  path: string,
  body?: object,
) => Promise<Result<Answer, string>>;

/** The control API (web/control/control.ts) within this process: the very functions that the `lethe` command calls. */
export const askControl =
  (control: Hono): Ask =>
  async <Answer>(method: "GET" | "POST", path: string, body?: object) => {
    const answer = await control.request(path, {
      method,
      headers: { "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (answer.status === 404) return fail("This version of Lethe does not do that.");
    const content = (await answer.json()) as Answer & { error?: string };
    return answer.status === 200 ? ok(content) : fail(content.error ?? "The office could not do that.");
  };
