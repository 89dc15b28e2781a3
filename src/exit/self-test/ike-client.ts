import {
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  timingSafeEqual,
  verify,
  X509Certificate,
} from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { md4 } from "../../lib/md4.ts";
import { ntHash } from "../../lib/nt-hash.ts";
import { EAP } from "../ikev2/eap.ts";
import { challengeHash, challengeResponse, masterKey, startKey } from "../ikev2/mschapv2.ts";
import {
  EXCHANGE,
  type IkeHeader,
  PAYLOAD,
  type Payload,
  plainMessage,
  prf,
  prfPlus,
  readAnswer,
  type SealKey,
  sealedMessage,
} from "./ike-message.ts";
import type { SelfTestLogin } from "./logins.ts";

export interface IkeTest {
  address: string;
  port: number;
  /** The name that the exit's certificate bears. */
  name: string;
  login: SelfTestLogin;
  timeoutMs: number;
}

const AGAIN_MS = 1000;
const NOTIFY_COOKIE = 16_390;
/** RFC 8031. */
const CURVE25519 = 31;
/** ASN.1 in front of a raw X25519 key (RFC 8410). */
const X25519_SPKI = Buffer.from("302a300506032b656e032100", "hex");
const ID_FQDN = 2;
const AUTH = { sharedKey: 2, ecdsa256: 9 } as const;
const EAP_IDENTITY = 1;
const EAP_MSCHAPV2 = 26;
const KEY_PAD = "Key Pad for IKEv2";

/** AES-256-GCM, HMAC-SHA-256 and Curve25519: one proposal (RFC 7296 section 3.3). */
const PROPOSAL = Buffer.from(
  ["00000024 01010003", "0300000c 01000014 800e0100", "03000008 02000005", "00000008 0400001f"]
    .join("")
    .replaceAll(" ", ""),
  "hex",
);

/**
 * Whether a member could log in here: IKE_SA_INIT, the exit's certificate and signature, EAP-MSCHAPv2, and both sides' last proof;
 * no Child SA is asked for (RFC 6023). Never rejects, and leaves no session behind.
 */
export async function ikeWorks(test: IkeTest): Promise<boolean> {
  const client = new IkeClient(test);
  try {
    return await client.run();
  } catch {
    return false;
  } finally {
    client.close();
  }
}

class IkeClient {
  readonly #test: IkeTest;
  readonly #socket: Socket = createSocket("udp4");
  readonly #endMs: number;
  readonly #spi = randomBytes(8);
  readonly #nonce = randomBytes(32);
  #responderSpi: Buffer = Buffer.alloc(8);
  #id = 0;
  #seal: { ours: SealKey; theirs: SealKey } | undefined;

  constructor(test: IkeTest) {
    this.#test = test;
    this.#endMs = performance.now() + test.timeoutMs;
  }

  close(): void {
    this.#socket.close();
  }

  async run(): Promise<boolean> {
    const { name, login, address, port } = this.#test;
    const ready = Promise.withResolvers<void>();
    this.#socket.on("error", ready.reject);
    this.#socket.connect(port, address, ready.resolve);
    await ready.promise;

    const pair = generateKeyPairSync("x25519");
    const ours = pair.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
    const init = [
      { type: PAYLOAD.sa, body: PROPOSAL },
      { type: PAYLOAD.ke, body: Buffer.concat([Buffer.from([0, CURVE25519, 0, 0]), ours]) },
      { type: PAYLOAD.nonce, body: this.#nonce },
    ];
    let first = await this.#ask(EXCHANGE.saInit, init);
    const cookie = first.payloads.find(
      ({ type, body }) => type === PAYLOAD.notify && body.readUInt16BE(2) === NOTIFY_COOKIE,
    );
    if (cookie !== undefined) {
      this.#id = 0;
      first = await this.#ask(EXCHANGE.saInit, [cookie, ...init]);
    }
    this.#responderSpi = first.answer.subarray(8, 16);
    const nonce = bodyOf(first.payloads, PAYLOAD.nonce);
    const theirs = createPublicKey({
      key: Buffer.concat([X25519_SPKI, bodyOf(first.payloads, PAYLOAD.ke).subarray(4)]),
      format: "der",
      type: "spki",
    });
    const shared = diffieHellman({ privateKey: pair.privateKey, publicKey: theirs });
    const keys = this.#keys(prf(Buffer.concat([this.#nonce, nonce]), shared), nonce);

    const idInitiator = identity(login.username);
    const idResponder = identity(name);
    let { payloads } = await this.#ask(EXCHANGE.auth, [
      { type: PAYLOAD.idInitiator, body: idInitiator },
      { type: PAYLOAD.idResponder, body: idResponder },
    ]);
    const signedByThem = Buffer.concat([first.answer, this.#nonce, prf(keys.pr, idResponder)]);
    if (!this.#isSigned(payloads, signedByThem)) return false;

    let sessionKey: Buffer | undefined;
    for (;;) {
      const eap = bodyOf(payloads, PAYLOAD.eap);
      if (eap[0] === EAP.success) break;
      const answer = eap[0] === EAP.request ? answerTo(eap, login) : undefined;
      if (answer === undefined) return false;
      sessionKey ??= answer.sessionKey;
      payloads = (await this.#ask(EXCHANGE.auth, [{ type: PAYLOAD.eap, body: answer.packet }])).payloads;
    }
    if (sessionKey === undefined) return false;
    const proof = prf(sessionKey, KEY_PAD);
    const signedByUs = Buffer.concat([first.question, nonce, prf(keys.pi, idInitiator)]);
    payloads = (await this.#ask(EXCHANGE.auth, [{ type: PAYLOAD.auth, body: shown(prf(proof, signedByUs)) }]))
      .payloads;
    const last = bodyOf(payloads, PAYLOAD.auth);
    const right = shown(prf(proof, signedByThem));
    await this.#ask(EXCHANGE.informational, [{ type: PAYLOAD.delete, body: Buffer.from([1, 0, 0, 0]) }]);
    return last.length === right.length && timingSafeEqual(last, right);
  }

  /** RFC 7296 section 2.14, with keys of combined-mode ciphers (RFC 5282 section 7.1): no integrity keys. */
  #keys(seed: Buffer, nonce: Buffer): { pi: Buffer; pr: Buffer } {
    const all = prfPlus(
      seed,
      Buffer.concat([this.#nonce, nonce, this.#spi, this.#responderSpi]),
      32 + 2 * 36 + 64,
    );
    const sealKey = (at: number): SealKey => ({
      key: all.subarray(at, at + 32),
      salt: all.subarray(at + 32, at + 36),
    });
    this.#seal = { ours: sealKey(32), theirs: sealKey(68) };
    return { pi: all.subarray(104, 136), pr: all.subarray(136, 168) };
  }

  /** The certificate is for the name and of today, and its key has signed. Who issued it the exit knew when it put it there. */
  #isSigned(payloads: readonly Payload[], signed: Buffer): boolean {
    const certificate = new X509Certificate(bodyOf(payloads, PAYLOAD.cert).subarray(1));
    if (certificate.checkHost(this.#test.name, { subject: "never" }) === undefined) return false;
    if (Date.parse(certificate.validTo) < Date.now()) return false;
    const auth = bodyOf(payloads, PAYLOAD.auth);
    if (auth[0] !== AUTH.ecdsa256) return false;
    return verify(
      "sha256",
      signed,
      { key: certificate.publicKey, dsaEncoding: "ieee-p1363" },
      auth.subarray(4),
    );
  }

  /** One exchange; sent again each second. Throws at the end of the time. */
  async #ask(
    exchange: number,
    payloads: Payload[],
  ): Promise<{ question: Buffer; answer: Buffer; payloads: Payload[] }> {
    const head: IkeHeader = {
      initiatorSpi: this.#spi,
      responderSpi: this.#responderSpi,
      exchange,
      id: this.#id++,
    };
    const seal = this.#seal;
    const question = seal ? sealedMessage(head, payloads, seal.ours) : plainMessage(head, payloads);
    const { promise, resolve, reject } = Promise.withResolvers<{ answer: Buffer; payloads: Payload[] }>();
    const hear = (answer: Buffer): void => {
      const read = readAnswer(answer, head, seal?.theirs);
      if (read !== undefined) resolve({ answer, payloads: read });
    };
    const send = (): void => {
      if (performance.now() > this.#endMs) reject(new Error("no answer"));
      else this.#socket.send(question);
    };
    this.#socket.on("message", hear);
    const again = setInterval(send, AGAIN_MS);
    const over = setTimeout(
      () => reject(new Error("no answer")),
      Math.max(0, this.#endMs - performance.now()),
    );
    send();
    try {
      return { question, ...(await promise) };
    } finally {
      clearInterval(again);
      clearTimeout(over);
      this.#socket.off("message", hear);
    }
  }
}

const identity = (name: string): Buffer =>
  Buffer.concat([Buffer.from([ID_FQDN, 0, 0, 0]), Buffer.from(name)]);
const shown = (mac: Buffer): Buffer => Buffer.concat([Buffer.from([AUTH.sharedKey, 0, 0, 0]), mac]);

function bodyOf(payloads: readonly Payload[], wanted: number): Buffer {
  const found = payloads.find(({ type }) => type === wanted);
  if (found === undefined) throw new Error("a payload is missing");
  return found.body;
}

/** A client's answer to an EAP request, and the MSK where it is the one that proves the password (64 bytes, RFC 3079 keys and zeros). */
function answerTo(
  request: Buffer,
  { username, password }: SelfTestLogin,
): { packet: Buffer; sessionKey?: Buffer } | undefined {
  const respond = (type: number, data: Uint8Array): Buffer => {
    const head = Buffer.from([EAP.response, request[1]!, 0, 0, type]);
    head.writeUInt16BE(5 + data.length, 2);
    return Buffer.concat([head, data]);
  };
  const [type, op] = [request[4], request[5]];
  if (type === EAP_IDENTITY) return { packet: respond(EAP_IDENTITY, Buffer.from(username)) };
  if (type !== EAP_MSCHAPV2) return undefined;
  if (op === 3) return { packet: respond(EAP_MSCHAPV2, Buffer.from([3])) };
  if (op !== 1) return undefined;
  const hash = ntHash(password);
  const authenticatorChallenge = request.subarray(10, 26);
  const peerChallenge = randomBytes(16);
  const challenge = challengeHash({ authenticatorChallenge, peerChallenge, username });
  const ntResponse = challengeResponse(challenge, hash);
  const head = Buffer.from([2, request[6]!, 0, 0, 49]);
  const data = Buffer.concat([
    ...[head, peerChallenge, Buffer.alloc(8), ntResponse, Buffer.alloc(1), Buffer.from(username)],
  ]);
  data.writeUInt16BE(data.length, 2);
  const master = masterKey(md4(hash), ntResponse);
  const sessionKey = Buffer.concat([startKey(master, "receive"), startKey(master, "send"), Buffer.alloc(32)]);
  return { packet: respond(EAP_MSCHAPV2, data), sessionKey };
}
