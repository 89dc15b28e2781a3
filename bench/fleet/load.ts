import { Agent, request } from "node:http";
import { gunzipSync } from "node:zlib";
import { answerParent } from "./child.ts";
import { nowMs, type Spread, spread } from "./figures.ts";
import { accountName, PASSWORD } from "./fill.ts";

/** The visitors and members: HTTP requests to the office's site, from a process of their own. */

export interface Load {
  done: number;
  failed: number;
  perSecond: number;
  latencyMs: Spread;
  /** Of one answer's body as sent (compressed where the site does that), the mean. */
  bodyBytes: number;
}

interface Answer {
  status: number;
  body: Buffer;
  encoding: string | undefined;
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

function send(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      "accept-encoding": "gzip",
      ...options.headers,
      ...(options.body !== undefined && {
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(options.body)),
      }),
    };
    const asked = request(url, { agent, method: options.method ?? "GET", headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          body: Buffer.concat(parts),
          encoding: answer.headers["content-encoding"],
        }),
      );
    });
    asked.on("error", reject);
    asked.end(options.body);
  });
}

/**
 * Requests that come whatever becomes of those before, `perSecond` of them. A latency counts from the moment at which the request
 * was due, so that a site that stands still is not spared the requests that would have come meanwhile.
 */
async function arrivals(asked: {
  /** Asked for in turn. */
  urls: string[];
  perSecond: number;
  seconds: number;
  warmSeconds: number;
}): Promise<Load> {
  const { urls, perSecond, seconds, warmSeconds } = asked;
  const latencies: number[] = [];
  let failed = 0;
  let bytes = 0;
  const pending = new Set<Promise<void>>();
  const one = async (url: string, dueMs: number, counted: boolean) => {
    const answer = await send(url).catch(() => undefined);
    if (!counted) return;
    if (answer?.status !== 200) {
      failed++;
      return;
    }
    latencies.push(nowMs() - dueMs);
    bytes += answer.body.length;
  };
  const startMs = nowMs();
  const count = Math.round(perSecond * (seconds + warmSeconds));
  for (let index = 0; index < count; index++) {
    const dueMs = startMs + (index * 1000) / perSecond;
    while (nowMs() < dueMs) await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - nowMs())));
    const sent: Promise<void> = one(
      urls[index % urls.length]!,
      dueMs,
      index >= perSecond * warmSeconds,
    ).finally(() => pending.delete(sent));
    pending.add(sent);
  }
  await Promise.all(pending);
  return {
    done: latencies.length,
    failed,
    perSecond,
    latencyMs: spread(latencies),
    bodyBytes: Math.round(bytes / Math.max(1, latencies.length)),
  };
}

/** `clients` who each send the next request when the answer to the last has come; ends after `seconds` or without work. */
async function turns(
  clients: number,
  seconds: number,
  one: (client: number) => Promise<Answer | undefined>,
): Promise<Load> {
  const latencies: number[] = [];
  let failed = 0;
  let bytes = 0;
  const startMs = nowMs();
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (nowMs() - startMs < seconds * 1000) {
        const sentMs = nowMs();
        const answer = await one(client).catch(() => ({ status: 0, body: Buffer.alloc(0) }));
        if (answer === undefined) return;
        if (answer.status < 200 || answer.status > 299) failed++;
        else {
          latencies.push(nowMs() - sentMs);
          bytes += answer.body.length;
        }
      }
    }),
  );
  return {
    done: latencies.length,
    failed,
    perSecond: latencies.length / ((nowMs() - startMs) / 1000),
    latencyMs: spread(latencies),
    bodyBytes: Math.round(bytes / Math.max(1, latencies.length)),
  };
}

const tokens: string[] = [];

const tasks = {
  arrivals,

  /** One page as text, to be looked at. */
  async page(asked: { url: string }): Promise<string> {
    const { body, encoding } = await send(asked.url);
    return (encoding === "gzip" ? gunzipSync(body) : body).toString();
  },

  /** Log-ins of members picked at random, each from an address of their own. */
  signIns(asked: { url: string; accounts: number; clients: number; seconds: number }): Promise<Load> {
    return turns(asked.clients, asked.seconds, async (client) => {
      const answer = await send(`${asked.url}/api/v1/tokens`, {
        method: "POST",
        headers: { "x-forwarded-for": `198.19.${client >> 8}.${client & 255}` },
        body: JSON.stringify({
          name: accountName(Math.floor(Math.random() * asked.accounts)),
          password: PASSWORD,
        }),
      });
      if (answer.status === 201) tokens.push(JSON.parse(answer.body.toString()).token);
      return answer;
    });
  },

  /** The members who have logged in redeem the vouchers. */
  redemptions(asked: { url: string; codes: string[]; clients: number; seconds: number }): Promise<Load> {
    let next = 0;
    return turns(asked.clients, asked.seconds, async () => {
      const voucher = asked.codes[next++];
      if (voucher === undefined) return undefined;
      return send(`${asked.url}/api/v1/account/vouchers`, {
        method: "POST",
        headers: { authorization: `Bearer ${tokens[next % tokens.length]}` },
        body: JSON.stringify({ voucher }),
      });
    });
  },
};

export type LoadTasks = typeof tasks;
answerParent(tasks);
