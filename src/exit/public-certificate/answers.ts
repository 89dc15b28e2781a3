import { createServer, type Server } from "node:http";
import type { Server as NetServer } from "node:net";
import { Challenges } from "../../certificates/challenges.ts";
import type { Challenge } from "../../link/public-certificate.ts";

/** An authority asks a few times, from a few places, and nobody else has business here. */
const LIMITS = { connections: 64, headBytes: 4096, headMs: 5_000, requestMs: 10_000 };

/**
 * What an exit answers on port 80 while a challenge is open, in one of its unprivileged processes: the key authorisation to
 * whoever asks for its token (RFC 8555 section 8.3), 404 to everybody else. It writes down nothing.
 */
export class ChallengeAnswers {
  #challenges = new Challenges();
  #servers: Server[] = [];

  /** A listening socket that root has opened. */
  take(socket: NetServer): void {
    const options = {
      maxHeaderSize: LIMITS.headBytes,
      headersTimeout: LIMITS.headMs,
      requestTimeout: LIMITS.requestMs,
      connectionsCheckingInterval: 1_000,
    };
    const server = createServer(options, (asked, answer) => {
      const { method = "", url = "" } = asked;
      const found = method === "GET" ? this.#challenges.answer(url) : undefined;
      answer.writeHead(found === undefined ? 404 : 200, {
        "content-type": "application/octet-stream",
        "cache-control": "no-store",
        connection: "close",
      });
      answer.end(found);
    });
    server.timeout = LIMITS.requestMs;
    server.maxConnections = LIMITS.connections;
    server.on("error", () => {});
    server.listen(socket);
    this.#servers.push(server);
  }

  /** Without challenges there is no port either. */
  set(challenges: readonly Challenge[]): void {
    this.#challenges = new Challenges();
    for (const { token, keyAuthorization } of challenges) this.#challenges.put(token, keyAuthorization);
    if (challenges.length === 0) this.close();
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
    this.#servers = [];
  }
}
