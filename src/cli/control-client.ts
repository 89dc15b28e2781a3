import { request } from "node:http";
import { NOT_YOURS } from "./lock.ts";
import { StartError } from "./start-error.ts";

/** A zip of a large fleet's files, as base64. */
const MOST_CHARACTERS = 64_000_000;

/**
 * Asks the running office over its control socket: JSON over HTTP, as `web/control/control.ts` serves it.
 * Throws StartError where Lethe does not run on this data folder, or with the office's own sentence where it refuses.
 */
export function askOffice<Answer>(
  socketPath: string,
  method: "GET" | "POST",
  path: string,
  body?: object,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = { "content-type": "application/json", host: "control" };
  const asked = request({ socketPath, method, path, headers }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > MOST_CHARACTERS) response.destroy(new StartError("The office answered too much."));
    });
    response.on("error", reject);
    response.on("end", () => {
      const answer = parse(text) as (Answer & { error?: string }) | undefined;
      if (answer === undefined) return reject(new StartError("The office did not answer in JSON."));
      if (response.statusCode === 200) resolve(answer);
      else reject(new StartError(answer.error ?? `The office answered ${response.statusCode}.`));
    });
  });
  asked.on("error", (error: NodeJS.ErrnoException) => {
    const notRunning = error.code === "ENOENT" || error.code === "ECONNREFUSED";
    if (notRunning)
      reject(new StartError("Lethe is not running on this data folder. Start it with `npm start`."));
    else if (error.code === "EACCES") reject(new StartError(NOT_YOURS));
    else reject(error);
  });
  asked.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
