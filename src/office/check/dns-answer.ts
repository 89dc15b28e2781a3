import { AUTHORITATIVE_ANSWER, decode, encode, type Packet } from "dns-packet";

/** RFC 6891 section 6.2.3, and what fits every path (https://www.dnsflagday.net/2020/). */
const UDP_BYTES = 1232;
/** What a question for one name can be, with EDNS; much longer ones only cost the time to read them. */
const QUESTION_BYTES = 512;
const OPCODE_AND_QR = 0xf800;
const TRUNCATED = 0x0200;
const FORMAT_ERROR = 1;
const NAME_ERROR = 3;
const NOT_IMPLEMENTED = 4;
const REFUSED = 5;
/** A resolver keeps "no such record" for so long (RFC 2308 section 5): each page asks for a name of its own. */
const NEGATIVE_TTL_S = 1;

/**
 * The answer of a zone's own server (RFC 1034 section 4.3.1) that has names and no addresses: a browser that asks for one is told
 * at once that there is nothing to connect to, and that it asked is all that matters. `asked` gets the label in front of the zone's
 * name. Undefined: not a query, nothing to answer (an answer to an answer could go round for ever). `brief`: no more than that it is
 * to be asked by TCP, which nobody can do in another's name.
 */
export function answerDns(
  message: Uint8Array,
  zone: string,
  asked: (label: string) => boolean,
  { brief = false } = {},
): Buffer | undefined {
  const bytes = Buffer.from(message);
  if (bytes.length < 12 || (bytes.readUInt16BE(2) & 0x8000) !== 0) return undefined;
  const id = bytes.readUInt16BE(0);
  if ((bytes.readUInt16BE(2) & OPCODE_AND_QR) !== 0) return failure(id, NOT_IMPLEMENTED);
  // One question and no records but EDNS': chains of compressed names in the others would take long to follow.
  const records = bytes.readUInt32BE(6) !== 0 || bytes.readUInt16BE(10) > 1;
  if (bytes.length > QUESTION_BYTES || bytes.readUInt16BE(4) !== 1 || records)
    return failure(id, FORMAT_ERROR);
  let query: Packet;
  try {
    query = decode(bytes);
  } catch {
    return failure(id, FORMAT_ERROR);
  }
  const question = query.questions?.[0];
  if (question === undefined) return failure(id, FORMAT_ERROR);
  const name = question.name.toLowerCase();
  const soa = {
    type: "SOA" as const,
    name: zone,
    ttl: NEGATIVE_TTL_S,
    data: {
      mname: zone,
      rname: `hostmaster.${zone}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: NEGATIVE_TTL_S,
    },
  };
  const answer = (code: number, answers: (typeof soa)[], authorities: (typeof soa)[]): Buffer => {
    const additionals = query.additionals?.some(({ type }) => type === "OPT")
      ? [{ type: "OPT" as const, name: "." as const, udpPayloadSize: UDP_BYTES, flags: 0, options: [] }]
      : [];
    const flags = (code === REFUSED ? 0 : AUTHORITATIVE_ANSWER) | recursionDesired(query) | code;
    return encode({
      type: "response",
      id,
      flags,
      questions: [question],
      answers,
      authorities,
      additionals,
    } as unknown as Packet);
  };
  try {
    if (brief)
      return encode({
        type: "response",
        id,
        flags: TRUNCATED | recursionDesired(query),
        questions: [question],
      });
    if (question.class !== "IN" || (name !== zone && !name.endsWith(`.${zone}`)))
      return answer(REFUSED, [], []);
    if (name === zone)
      return answer(0, question.type === "SOA" ? [soa] : [], question.type === "SOA" ? [] : [soa]);
    const label = name.slice(0, -zone.length - 1);
    return answer(asked(label) ? 0 : NAME_ERROR, [], [soa]);
  } catch {
    // A name that was read and cannot be written.
    return failure(id, FORMAT_ERROR);
  }
}

/** Bit 7 of the flags is copied into the answer (RFC 1035 section 4.1.1). */
const recursionDesired = ({ flags = 0 }: Packet): number => flags & 0x0100;

/** The header alone. */
function failure(id: number, code: number): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x8000 | code, 2);
  return header;
}
