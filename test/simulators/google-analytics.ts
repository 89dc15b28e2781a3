import { createServer } from "node:http";

/**
 * What stands in for www.google-analytics.com in tests: it takes POST /mp/collect as the Measurement Protocol for Google Analytics
 * 4 has it (measurement_id and api_secret in the query, a JSON body of at most 130 kB; 204 whatever the body holds) and keeps
 * all that arrives.
 */
export interface CollectedVisit {
  measurementId: string | null;
  secret: string | null;
  headers: Record<string, string | string[] | undefined>;
  body: {
    client_id: string;
    ip_override: string;
    consent: Record<string, string>;
    events: { name: string; params: Record<string, string | number> }[];
  };
  /** As it came. */
  text: string;
}

export interface GoogleAnalyticsSimulator {
  /** `http://127.0.0.1:…`. */
  address: string;
  visits: CollectedVisit[];
  /** What it answers from now on; 204 as Google does unless told. */
  answers(status: number): void;
  close(): Promise<void>;
}

export async function startGoogleAnalytics(): Promise<GoogleAnalyticsSimulator> {
  const visits: CollectedVisit[] = [];
  let status = 204;
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      const url = new URL(request.url ?? "/", "http://simulator");
      if (request.method !== "POST" || url.pathname !== "/mp/collect")
        return void response.writeHead(404).end();
      visits.push({
        measurementId: url.searchParams.get("measurement_id"),
        secret: url.searchParams.get("api_secret"),
        headers: request.headers,
        body: JSON.parse(text),
        text,
      });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    visits,
    answers(next) {
      status = next;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
