import { randomBytes } from "node:crypto";
import {
  type EnrolmentRefusal,
  enrolmentAnswer,
  enrolmentAnswerMac,
  enrolmentRefusal,
  enrolmentRequestMac,
  type JoinCode,
  parseJoinCode,
  sameMac,
} from "../../link/enrolment.ts";

/**
 * The one conversation of a new exit with its office over the site: run as an unprivileged user, since it reads what
 * comes from the Internet. What it believes of the answer is what the token's MAC stands for.
 */
const TIMEOUT_MS = 20_000;
const MOST_BYTES = 100_000;

export type Enrolled =
  | { ok: true; answer: string }
  | { ok: false; reason: EnrolmentRefusal | "unreachable" | "not-ours" };

/** `answer` is the office's JSON, checked: root checks it again. Never rejects. */
export async function enrol(site: string, code: JoinCode, nkey: string): Promise<Enrolled> {
  const unsigned = {
    tokenId: code.tokenId,
    server: code.server,
    nkey,
    nonce: randomBytes(32).toString("base64url"),
  };
  const request = { ...unsigned, mac: enrolmentRequestMac(code.token, unsigned) };
  const reply = await post(`${site}/enrol`, JSON.stringify(request));
  if (reply === undefined) return { ok: false, reason: "unreachable" };
  const json = parse(reply.text);
  if (reply.status !== 200) {
    const refused = enrolmentRefusal.safeParse(json);
    return { ok: false, reason: refused.data?.error ?? "unreachable" };
  }
  const good = checkedAnswer(json, code);
  if (good === undefined || good.nonce !== unsigned.nonce) return { ok: false, reason: "not-ours" };
  return { ok: true, answer: JSON.stringify(good) };
}

/** The answer where it was made with the code's token, for the code's server. */
export function checkedAnswer(json: unknown, code: JoinCode) {
  const { data } = enrolmentAnswer.safeParse(json);
  if (data === undefined || data.server !== code.server) return undefined;
  const { mac, ...rest } = data;
  return sameMac(mac, enrolmentAnswerMac(code.token, rest)) ? data : undefined;
}

async function post(url: string, body: string): Promise<{ status: number; text: string } | undefined> {
  try {
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
      // An office answers itself: who sends us elsewhere is none.
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length > MOST_BYTES) return undefined;
    }
    return { status: response.status, text };
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const SENTENCES: Record<Exclude<Enrolled, { ok: true }>["reason"], string> = {
  unreachable: "The office does not answer there. Is its site up, and open to this machine?",
  "not-ours": "What answered there is not the office that gave this line out: nothing of it was taken.",
  unknown:
    "The office does not know this line's token. Make a new line: lethe server add, or lethe server rotate.",
  used: "This line has been used already. Make a new one at the office: lethe server rotate NAME.",
  expired: "This line is older than 30 minutes. Make a new one at the office: lethe server rotate NAME.",
  "wrong-server": "This line is for another server. Make a new one at the office: lethe server rotate NAME.",
  malformed:
    "The office does not understand this machine: line and office are of different versions. Make a new line.",
  "slow-down": "The office has been asked too often in a minute. Wait a minute and paste the line again.",
};

/** What the join script tells apart: 0 enrolled, 3 the token is good for nothing (any more), 4 anything else. */
const EXIT_CODE = { used: 3, expired: 3, unknown: 3 } as Record<string, number>;

/** The process: three lines on standard input (join code, public nkey, the site's address), the answer on standard output. */
export async function runEnrol(): Promise<void> {
  if (process.getuid!() === 0) throw new Error("enrol: not as root");
  const [text = "", nkey = "", site = ""] = (await readInput()).split("\n");
  const code = parseJoinCode(text);
  if (code === undefined) {
    process.stderr.write("This is no join code: copy the whole line from the office.\n");
    process.exitCode = 4;
    return;
  }
  const enrolled = await enrol(site.replace(/\/$/, ""), code, nkey);
  if (enrolled.ok) process.stdout.write(`${enrolled.answer}\n`);
  else {
    process.stderr.write(`${SENTENCES[enrolled.reason]}\n`);
    process.exitCode = EXIT_CODE[enrolled.reason] ?? 4;
  }
}

export async function readInput(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) text += chunk;
  return text;
}
