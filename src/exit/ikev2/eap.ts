/**
 * EAP packets (RFC 3748 section 4) and MS-CHAP-V2 inside them (draft-kamath-pppext-eap-mschapv2-02):
 *
 *   code 1 | identifier 1 | length 2 | type 1 | data            success and failure end after the length
 *   MS-CHAP-V2's data: op code 1 | MS-CHAP-V2 identifier 1 | length 2, of the data | value; a client's success and failure
 *   are the op code alone
 */
export const EAP = { request: 1, response: 2, success: 3, failure: 4 } as const;
const TYPE = { identity: 1, msChapV2: 26 } as const;
const OP = { challenge: 1, response: 2, success: 3, failure: 4 } as const;
const SERVER_NAME = Buffer.from("lethe");
const RESPONSE_BYTES = 49;

export type EapResponse =
  | { kind: "identity"; identifier: number; identity: string }
  | { kind: "answer"; identifier: number; peerChallenge: Buffer; ntResponse: Buffer; name: string }
  /** The client acknowledges what it was told last. */
  | { kind: "success" | "failure"; identifier: number }
  /** A response of another method, a refusal of ours (Nak) among them. */
  | { kind: "other"; identifier: number };

/** What a client says; nothing where it is no EAP response, or not of the form its type has. */
export function readResponse(bytes: Uint8Array): EapResponse | undefined {
  const packet = Buffer.from(bytes);
  if (packet.length < 5 || packet[0] !== EAP.response || packet.readUInt16BE(2) !== packet.length)
    return undefined;
  const identifier = packet[1]!;
  const data = packet.subarray(5);
  if (packet[4] === TYPE.identity) return { kind: "identity", identifier, identity: data.toString() };
  if (packet[4] !== TYPE.msChapV2) return { kind: "other", identifier };
  if (data[0] === OP.success) return { kind: "success", identifier };
  if (data[0] === OP.failure) return { kind: "failure", identifier };
  if (data[0] !== OP.response || data.length < 5 + RESPONSE_BYTES) return undefined;
  if (data.readUInt16BE(2) !== data.length || data[4] !== RESPONSE_BYTES) return undefined;
  const value = data.subarray(5, 5 + RESPONSE_BYTES);
  return {
    kind: "answer",
    identifier,
    peerChallenge: value.subarray(0, 16),
    // Eight reserved bytes stand between the two, a byte of flags behind.
    ntResponse: value.subarray(24, 48),
    name: data.subarray(5 + RESPONSE_BYTES).toString(),
  };
}

export const challengeRequest = (identifier: number, challenge: Uint8Array): Buffer =>
  msChapV2(
    identifier,
    OP.challenge,
    Buffer.concat([Buffer.from([challenge.length]), challenge, SERVER_NAME]),
  );

/** `authenticatorResponse` is `S=` and 40 hex digits. */
export const successRequest = (identifier: number, authenticatorResponse: string): Buffer =>
  msChapV2(identifier, OP.success, Buffer.from(`${authenticatorResponse} M=Welcome`));

/** `code` is a number of Windows' raserror.h; a client may show `text`. It is asked not to try again by itself (R=0). */
export const failureRequest = (
  identifier: number,
  code: number,
  challenge: Uint8Array,
  text: string,
): Buffer =>
  msChapV2(
    identifier,
    OP.failure,
    Buffer.from(`E=${code} R=0 C=${Buffer.from(challenge).toString("hex").toUpperCase()} V=3 M=${text}`),
  );

export const eapEnd = (code: typeof EAP.success | typeof EAP.failure, identifier: number): Buffer =>
  Buffer.from([code, identifier, 0, 4]);

function msChapV2(identifier: number, op: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head[0] = EAP.request;
  head[1] = identifier;
  head.writeUInt16BE(head.length + value.length, 2);
  head[4] = TYPE.msChapV2;
  head[5] = op;
  head[6] = identifier;
  head.writeUInt16BE(4 + value.length, 7);
  return Buffer.concat([head, value]);
}
