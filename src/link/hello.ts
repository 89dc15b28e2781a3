import { randomBytes } from "node:crypto";
import type { ExitCarrier } from "./carrier.ts";
import { accepts, answerSchema, type Header, type Protocol } from "./documents.ts";
import { sha256 } from "./packed-table.ts";
import { Refused } from "./refused.ts";
import { openDocument, type Trust } from "./signed.ts";
import * as wire from "./wire.ts";

/** What the office answers to a nonce of ours. */
export interface Offer {
  header: Header;
  signedHeader: Uint8Array;
  /** Still to be opened; undefined where the office knows of none for this server. */
  settings: Uint8Array | undefined;
  /** The office's time. */
  timeMs: number;
}

/**
 * Asks the office for its newest header and settings. `seen`: the newest version that this exit has had of anything. `openHeader` gets
 * the header and the office's time. Throws Refused where the answer is not to this nonce, and CarrierError.
 */
export async function sayHello(options: {
  carrier: ExitCarrier;
  server: string;
  trust: Trust;
  protocol: Protocol;
  seen: number;
  openHeader: (signed: Uint8Array, timeMs: number) => Header;
}): Promise<Offer> {
  const { carrier, server, trust, protocol, seen } = options;
  const nonce = randomBytes(32).toString("base64");
  const reply = await carrier.request(
    wire.encodeHello({ protocol, nonce, server, seen, sections: ["peers"] }),
  );
  const [signedHeader, signedSettings, signedAnswer, ...more] = wire.readBlocks(reply) ?? [];
  if (!signedHeader || !signedSettings || !signedAnswer || more.length > 0) throw new Refused("malformed");

  const answer = openDocument("answer", signedAnswer, trust, answerSchema);
  if (!answer.ok) throw new Refused(answer.reason);
  if (!accepts(protocol, answer.value.protocol)) throw new Refused("protocol");
  if (answer.value.nonce !== nonce || answer.value.server !== server) throw new Refused("nonce");
  const header = options.openHeader(signedHeader, answer.value.issuedAtMs);
  if (answer.value.headerDigest !== hex(sha256(signedHeader))) throw new Refused("digest");
  const settings = signedSettings.length === 0 ? undefined : signedSettings.slice();
  if (answer.value.settingsDigest !== (settings === undefined ? null : hex(sha256(settings)))) {
    throw new Refused("digest");
  }
  return { header, signedHeader: signedHeader.slice(), settings, timeMs: answer.value.issuedAtMs };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
