import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface Listening {
  address: string;
  close(): Promise<void>;
}

/** An HTTP server on loopback that answers each request by a function of its headers and body. */
export async function listen(
  answer: (
    headers: IncomingHttpHeaders,
    body: Uint8Array,
    path: string,
  ) => Promise<{ status: number; body?: string; headers?: Record<string, string> }>,
): Promise<Listening> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { status, body, headers } = await answer(
      request.headers,
      Buffer.concat(chunks),
      request.url ?? "/",
    );
    response.writeHead(status, headers ?? {}).end(body ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
