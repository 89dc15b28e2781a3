import type { RequestListener, ServerResponse } from "node:http";
import { type Challenges, isChallenge } from "../certificates/challenges.ts";

/**
 * What port 80 answers where the site speaks TLS: an ACME authority's challenges (RFC 8555 section 8.3), and to everybody
 * else where the same page is by https. To no name but our own: nobody is led elsewhere.
 */
export function redirectListener(options: {
  names: readonly string[];
  /** Of https. */
  port: number;
  challenges: Challenges;
  /** Whether there is a certificate yet. */
  ready(): boolean;
}): RequestListener {
  const { names, port, challenges, ready } = options;
  const ports = port === 443 ? "" : `:${port}`;
  return (asked, answer) => {
    const { url = "", headers } = asked;
    if (isChallenge(url)) {
      const keyAuthorization = challenges.answer(url);
      return keyAuthorization === undefined
        ? say(answer, 404, "There is no such challenge.")
        : say(answer, 200, keyAuthorization, { "content-type": "application/octet-stream" });
    }
    const host = (headers.host ?? "").toLowerCase().replace(/:\d{1,5}$/, "");
    if (!names.includes(host)) return say(answer, 421, "This is the name of no site here.");
    if (!ready())
      return say(answer, 503, "This site does not have its certificate yet. Try again in a few minutes.", {
        "retry-after": "60",
      });
    // The whole address of another place (RFC 9112 section 3.2.2), or an asterisk.
    if (!url.startsWith("/")) return say(answer, 400, "That is not an address here.");
    return say(answer, 308, "This site is at https.", { location: `https://${host}${ports}${url}` });
  };
}

function say(
  answer: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  answer.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
    // Nobody may send a second request, or the rest of a body, behind this one.
    connection: "close",
    ...headers,
  });
  answer.end(answer.req.method === "HEAD" ? undefined : headers["content-type"] ? text : `${text}\n`);
}
