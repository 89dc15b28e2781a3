import type { Refusal } from "../authorise.ts";
import type { HeadError } from "./http-head.ts";
import type { OpenFailure } from "./open.ts";

/** Answers that the proxy itself gives. They name neither the client nor the destination: a screenshot gives nobody away. */
export interface Answer {
  status: number;
  reason: string;
  text: string;
}

const answer = (status: number, reason: string, text: string): Answer => ({ status, reason, text });

export const LOGIN_NEEDED = answer(
  407,
  "Proxy Authentication Required",
  "This proxy needs a login. Use your VPN username and VPN password; the member area shows them.",
);
export const ORIGIN_FORM = answer(
  400,
  "Bad Request",
  "This is a proxy, not a website. Enter this address and port as HTTP proxy in your browser or system settings.",
);
export const NEEDS_CONNECT = answer(400, "Bad Request", "Ask for https addresses with the CONNECT method.");
export const MALFORMED_TARGET = answer(
  400,
  "Bad Request",
  "The address in this request is not one the proxy understands.",
);
export const NO_TRACE = answer(405, "Method Not Allowed", "This proxy passes on no TRACE requests.");
export const BAD_BODY = answer(
  400,
  "Bad Request",
  "The body of this request is not encoded as HTTP demands.",
);
export const TOO_SLOW = answer(408, "Request Timeout", "The request took too long to arrive.");
export const BAD_RESPONSE = answer(502, "Bad Gateway", "The destination did not answer as HTTP demands.");
export const NO_RESPONSE = answer(
  502,
  "Bad Gateway",
  "The destination closed the connection without an answer.",
);

export const BAD_HEAD: Record<HeadError, Answer> = {
  syntax: answer(400, "Bad Request", "This request is not written as HTTP demands."),
  framing: answer(400, "Bad Request", "This request does not say clearly where its body ends."),
  version: answer(505, "HTTP Version Not Supported", "This proxy speaks HTTP/1.1."),
  "too-large": answer(
    431,
    "Request Header Fields Too Large",
    "The header of this request is too large (cookies, or a very long password?).",
  ),
};

export const LOGIN_REFUSED: Record<Refusal, Answer> = {
  unknown: answer(
    407,
    "Proxy Authentication Required",
    "The username or the password is wrong. Use your VPN username and VPN password; the member area shows them.",
  ),
  expired: answer(
    407,
    "Proxy Authentication Required",
    "Your paid time is over. Renew it in the member area.",
  ),
  "slow-down": answer(
    429,
    "Too Many Requests",
    "Too many wrong logins lately. Wait a minute, then try again.",
  ),
  "too-many": answer(
    429,
    "Too Many Requests",
    "Your account has as many sessions on this server as it may have. End one first, or choose another server.",
  ),
  draining: answer(
    503,
    "Service Unavailable",
    "This server is being emptied for maintenance and takes no new connections. Choose another server.",
  ),
  unavailable: answer(
    503,
    "Service Unavailable",
    "This server cannot check logins at the moment. Try again in a minute, or choose another server.",
  ),
};

export const NOT_OPENED: Record<OpenFailure, Answer> = {
  closed: answer(
    403,
    "Forbidden",
    "This destination is closed: the service does not lead to private networks, local names, mail port 25, or what its operator has blocked.",
  ),
  "no-such-name": answer(502, "Bad Gateway", "There is no such host name."),
  "name-unavailable": answer(502, "Bad Gateway", "The host name could not be looked up. Try again shortly."),
  "timed-out": answer(504, "Gateway Timeout", "The destination did not answer in time."),
  refused: answer(502, "Bad Gateway", "The destination refused the connection."),
  "network-unreachable": answer(502, "Bad Gateway", "The destination's network cannot be reached from here."),
  "host-unreachable": answer(502, "Bad Gateway", "The destination cannot be reached from here."),
  failed: answer(502, "Bad Gateway", "The destination could not be reached."),
  aborted: answer(502, "Bad Gateway", "The destination could not be reached."),
};

/** The answer as bytes. `close`: the connection ends behind it. `head`: the request was HEAD, so the text is left out. */
export function writeAnswer(
  { status, reason, text }: Answer,
  options: { close: boolean; head: boolean },
): Buffer {
  const body = `${text}\n`;
  const login = status === 407 ? 'Proxy-Authenticate: Basic realm="Proxy", charset="UTF-8"\r\n' : "";
  const retry = status === 429 || status === 503 ? "Retry-After: 60\r\n" : "";
  return Buffer.from(
    `HTTP/1.1 ${status} ${reason}\r\n${login}${retry}Content-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\n` +
      `${options.close ? "Connection: close\r\n" : ""}\r\n${options.head ? "" : body}`,
  );
}
