import type { ExitCarrier } from "./carrier.ts";
import {
  type CertificateAnswer,
  type CertificateQuestion,
  readCertificateAnswer,
} from "./public-certificate.ts";
import { Refused } from "./refused.ts";
import * as wire from "./wire.ts";

/** What an exit asks the office for beside the roster. All reject with CarrierError where it cannot be reached or refuses. */

/** A file's bytes from `offset` on, at most wire.FILE_CHUNK_BYTES; empty at its end. Check the whole against the SHA-256 (hex). */
export async function requestFileChunk(
  carrier: ExitCarrier,
  sha256: string,
  offset: number,
): Promise<Uint8Array> {
  const bytes = await carrier.request(wire.encodeFileRequest(Buffer.from(sha256, "hex"), offset));
  if (bytes.length > wire.FILE_CHUNK_BYTES) throw new Refused("malformed");
  return bytes;
}

/** The certificate (PEM) for a PKCS #10 request (PEM) that bears this server's name. Check it against the key and the authority. */
export async function requestCertificate(carrier: ExitCarrier, requestPem: string): Promise<string> {
  const pem = Buffer.from(await carrier.request(wire.encodeCertificateRequest(requestPem))).toString(
    "latin1",
  );
  if (!/^[\x20-\x7e\n]{1,20000}$/.test(pem)) throw new Refused("malformed");
  return pem;
}

/** How it goes with this exit's public certificate. Check what comes against the key and the name. */
export async function askForPublicCertificate(
  carrier: ExitCarrier,
  question: CertificateQuestion,
): Promise<CertificateAnswer> {
  const answer = readCertificateAnswer(await carrier.request(wire.encodeCertificateQuestion(question)));
  if (answer === undefined) throw new Refused("malformed");
  return answer;
}
