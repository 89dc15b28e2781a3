import { randomBytes } from "node:crypto";
import type { Refusal } from "../authorise.ts";
import { challengeRequest, EAP, eapEnd, failureRequest, readResponse, successRequest } from "./eap.ts";
import type { MsChapV2Answer, MsChapV2Proof } from "./mschapv2.ts";
import {
  ATTRIBUTE,
  type Attribute,
  answerTo,
  CODE,
  eapAttributes,
  eapOf,
  firstOf,
  mppeKey,
  type RadiusPacket,
  readRequest,
} from "./radius.ts";

/** What is asked of the keeper: may who gave this answer go online? */
export interface Ikev2Question extends MsChapV2Answer {
  /** The number that strongSwan gave the IKE SA (RADIUS' NAS-Port): by it the session is known and ended. */
  ikeId: number;
  /** The client's, as text; turned into a keyed tag, never kept. */
  address: string;
}

export type Ikev2Verdict = { admitted: true; proof: MsChapV2Proof } | { admitted: false; reason: Refusal };

/** How long a client may take from one packet of its login to the next. */
const CONVERSATION_MS = 60_000;
/** More than these at once are not people logging in: the oldest make place. */
const MAX_CONVERSATIONS = 20_000;
/** strongSwan sends an unanswered request again for some ten seconds (RFC 5080 section 2.2.2). */
const REMEMBER_MS = 15_000;
const MAX_NAME_CHARACTERS = 128;

/** Windows' numbers (raserror.h), which clients know, and what a person may read. */
const REFUSED: Record<Refusal, [code: number, text: string]> = {
  unknown: [691, "Wrong VPN username or password"],
  expired: [647, "Your paid time is over. Extend it in the member area"],
  "slow-down": [691, "Too many wrong passwords. Try again in a minute"],
  "too-many": [649, "Too many sessions with this VPN username"],
  draining: [649, "This server takes no new logins. Choose another server"],
  unavailable: [649, "This server cannot check logins now. Try again in a minute, or choose another server"],
};

interface Conversation {
  ikeId: number;
  identity: string;
  challenge: Buffer;
  /** Of the request that is to be answered now. */
  identifier: number;
  stage: { name: "asked" } | { name: "proved"; proof: MsChapV2Proof } | { name: "refused" };
  untilMs: number;
}

/**
 * The RADIUS server that strongSwan's eap-radius asks: EAP-MSCHAPv2 and nothing else, one conversation a login, known by a
 * random State (RFC 2865 section 5.24). It decides nothing and has no password: `ask` does, in the keeper. What is not
 * signed with the secret, or comes out of order, gets no answer or a refusal, and ends its conversation.
 */
export class RadiusServer {
  readonly #secret: string;
  readonly #ask: (question: Ikev2Question) => Promise<Ikev2Verdict>;
  readonly #nowMs: () => number;
  readonly #conversations = new Map<string, Conversation>();
  readonly #answered = new Map<string, { answer: Promise<Buffer>; untilMs: number }>();

  constructor(options: {
    secret: string;
    ask: (question: Ikev2Question) => Promise<Ikev2Verdict>;
    /** Monotonic. */
    nowMs: () => number;
  }) {
    this.#secret = options.secret;
    this.#ask = options.ask;
    this.#nowMs = options.nowMs;
  }

  /** Logins that are going on. */
  get size(): number {
    return this.#conversations.size;
  }

  /** The answer to one datagram; nothing where it is to have none. */
  async take(datagram: Uint8Array): Promise<Buffer | undefined> {
    const request = readRequest(datagram, this.#secret);
    if (request === undefined) return undefined;
    const nowMs = this.#nowMs();
    this.#forget(nowMs);
    // The authenticator is random: the same one again is the same request again.
    const name = `${request.identifier} ${Buffer.from(request.authenticator).toString("hex")}`;
    let known = this.#answered.get(name);
    if (known === undefined) {
      known = { answer: this.#answer(request, nowMs), untilMs: nowMs + REMEMBER_MS };
      this.#answered.set(name, known);
    }
    return known.answer;
  }

  async #answer(request: RadiusPacket, nowMs: number): Promise<Buffer> {
    const state = firstOf(request, ATTRIBUTE.state);
    const response = readResponse(eapOf(request));
    if (state === undefined) {
      if (response?.kind !== "identity") return this.#reject(request, response?.identifier);
      return this.#begin(request, response.identity, response.identifier, nowMs);
    }
    const name = Buffer.from(state).toString("hex");
    const conversation = this.#conversations.get(name);
    if (
      conversation === undefined ||
      response?.identifier !== conversation.identifier ||
      ikeIdOf(request) !== conversation.ikeId
    ) {
      this.#conversations.delete(name);
      return this.#reject(request, response?.identifier);
    }
    const { stage } = conversation;
    if (stage.name === "asked" && response.kind === "answer") {
      return this.#decide(request, name, conversation, response);
    }
    this.#conversations.delete(name);
    if (stage.name === "proved" && response.kind === "success")
      return this.#accept(request, response.identifier, stage.proof);
    return this.#reject(request, response.identifier);
  }

  #begin(request: RadiusPacket, identity: string, identifier: number, nowMs: number): Buffer {
    const ikeId = ikeIdOf(request);
    if (ikeId === undefined) return this.#reject(request, identifier);
    const conversation: Conversation = {
      ikeId,
      identity: accountName(identity),
      challenge: randomBytes(16),
      identifier: (identifier + 1) & 0xff,
      stage: { name: "asked" },
      untilMs: nowMs + CONVERSATION_MS,
    };
    const name = randomBytes(16).toString("hex");
    this.#conversations.set(name, conversation);
    return this.#challenge(request, name, challengeRequest(conversation.identifier, conversation.challenge));
  }

  async #decide(
    request: RadiusPacket,
    name: string,
    conversation: Conversation,
    { peerChallenge, ntResponse, name: given }: { peerChallenge: Buffer; ntResponse: Buffer; name: string },
  ): Promise<Buffer> {
    const { ikeId, challenge, identity } = conversation;
    const username = withoutDomain(given);
    // strongSwan knows the client by its EAP identity: it must be the name that the password was checked for.
    const verdict: Ikev2Verdict =
      accountName(given) === identity && identity.length <= MAX_NAME_CHARACTERS
        ? await this.#ask({
            ikeId,
            address: addressOf(request),
            username,
            authenticatorChallenge: challenge,
            peerChallenge,
            ntResponse,
          })
        : { admitted: false, reason: "unknown" };
    conversation.identifier = (conversation.identifier + 1) & 0xff;
    if (verdict.admitted) {
      const { proof } = verdict;
      conversation.stage = { name: "proved", proof };
      return this.#challenge(
        request,
        name,
        successRequest(conversation.identifier, proof.authenticatorResponse),
      );
    }
    conversation.stage = { name: "refused" };
    const [code, text] = REFUSED[verdict.reason];
    return this.#challenge(request, name, failureRequest(conversation.identifier, code, challenge, text));
  }

  #challenge(request: RadiusPacket, state: string, eap: Uint8Array): Buffer {
    const attributes = [{ type: ATTRIBUTE.state, value: Buffer.from(state, "hex") }, ...eapAttributes(eap)];
    return answerTo(request, CODE.challenge, attributes, this.#secret);
  }

  #accept(request: RadiusPacket, identifier: number, { sendKey, receiveKey }: MsChapV2Proof): Buffer {
    const salts = [randomBytes(2), randomBytes(2)] as const;
    salts[0][0]! |= 0x80;
    salts[1][0] = salts[0][0]! ^ 0x01;
    const { authenticator } = request;
    const attributes: Attribute[] = [
      ...eapAttributes(eapEnd(EAP.success, identifier)),
      mppeKey("receive", receiveKey, salts[0], authenticator, this.#secret),
      mppeKey("send", sendKey, salts[1], authenticator, this.#secret),
    ];
    return answerTo(request, CODE.accept, attributes, this.#secret);
  }

  #reject(request: RadiusPacket, identifier = 0): Buffer {
    return answerTo(request, CODE.reject, eapAttributes(eapEnd(EAP.failure, identifier)), this.#secret);
  }

  /** Both maps are in the order of their ends. */
  #forget(nowMs: number): void {
    for (const [name, { untilMs }] of this.#answered) {
      if (untilMs > nowMs && this.#answered.size < MAX_CONVERSATIONS) break;
      this.#answered.delete(name);
    }
    for (const [name, { untilMs }] of this.#conversations) {
      if (untilMs > nowMs && this.#conversations.size < MAX_CONVERSATIONS) break;
      this.#conversations.delete(name);
    }
  }
}

/** Windows may put a domain in front; MS-CHAP-V2 hashes the name without it (RFC 2759 section 4). */
const withoutDomain = (name: string): string => name.slice(name.lastIndexOf("\\") + 1);
/** The VPN username that a name stands for. */
export const accountName = (name: string): string => withoutDomain(name).toLowerCase();

function ikeIdOf(request: RadiusPacket): number | undefined {
  const value = firstOf(request, ATTRIBUTE.nasPort);
  return value?.length === 4 ? Buffer.from(value).readUInt32BE() : undefined;
}

/** `192.0.2.1[4500]`: the port says nothing of who it is. */
const addressOf = (request: RadiusPacket): string =>
  Buffer.from(firstOf(request, ATTRIBUTE.callingStation) ?? [])
    .toString("latin1")
    .replace(/\[\d*\]$/, "");
