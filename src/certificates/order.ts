import { Agent } from "node:https";
import { rootCertificates } from "node:tls";
import { axios, Client, crypto } from "acme-client";
import { fail, ok, type Result } from "../lib/result.ts";
import type { Pair } from "./pair.ts";
import { newKeyPem } from "./request.ts";
import type { OrderProblem } from "./state.ts";

/** Where the answers to challenges stand. What rejects ends the order. */
export interface ChallengeAnswers {
  put(token: string, keyAuthorization: string): void | Promise<void>;
  remove(token: string): void;
}

export interface OrderOptions {
  /** The authority's directory (RFC 8555 section 7.1.1), an https address. */
  directory: string;
  /** PEM of the authority that the directory's own certificate must come from; undefined: those that Node knows. */
  directoryAuthority?: string | undefined;
  /** Where the authority may write to; empty: nowhere. */
  email: string;
  /** DNS names, at least one. */
  names: readonly string[];
  /** The account's key, PEM. */
  accountKey: string;
  challenges: ChallengeAnswers;
}

/** No answer of an authority is large, and none takes long; the whole order may wait for validation. */
const ANSWER_BYTES_MOST = 200_000;
const ANSWER_WITHIN_MS = 30_000;

/** RFC 8555 section 6.7: what the authority's problem documents mean to an operator. */
const PROBLEMS: Record<string, OrderProblem> = {
  connection: "challenge",
  dns: "challenge",
  incorrectResponse: "challenge",
  tls: "challenge",
  unauthorized: "challenge",
  caa: "name-refused",
  rejectedIdentifier: "name-refused",
  unsupportedIdentifier: "name-refused",
  accountDoesNotExist: "account",
  invalidContact: "account",
  unsupportedContact: "account",
  externalAccountRequired: "account",
  userActionRequired: "account",
  rateLimited: "rate-limited",
};

let lastProblem: OrderProblem | undefined;
let answered = false;
axios.defaults.timeout = ANSWER_WITHIN_MS;
axios.defaults.maxContentLength = ANSWER_BYTES_MOST;
axios.defaults.maxRedirects = 0;
// Whoever starts us might have a proxy in the environment: nothing of it is for us.
axios.defaults.proxy = false;
// We wait and come again ourselves.
(axios.defaults as unknown as { acmeSettings: { retryMaxAttempts: number } }).acmeSettings.retryMaxAttempts =
  0;
axios.interceptors.response.use((response) => {
  answered = true;
  const document = response.data as { type?: unknown; error?: { type?: unknown } } | undefined;
  const type = String(document?.error?.type ?? document?.type ?? "");
  const name = /^urn:ietf:params:acme:error:(?<name>[A-Za-z]{1,40})$/.exec(type)?.groups?.name;
  if (name !== undefined && name !== "badNonce") lastProblem = PROBLEMS[name] ?? "directory";
  return response;
});

/** acme-client has one HTTP client for all of a process: one order after the other. */
let last: Promise<unknown> = Promise.resolve();

/** Has a certificate made for `names` with a new key. */
export async function order(options: OrderOptions): Promise<Result<Pair, OrderProblem>> {
  const { names } = options;
  const key = newKeyPem();
  const [, request] = await crypto.createCsr({ commonName: names[0]!, altNames: [...names] }, key);
  const ordered = await orderFor(request.toString(), options);
  return ordered.ok ? ok({ certificate: ordered.value, key }) : ordered;
}

/**
 * Has a certificate made for a request (PKCS #10, PEM), with the chain to its authority: account, order, HTTP-01 challenges,
 * certificate (RFC 8555). The answers to the challenges stand in `challenges` while it runs. Waits for its turn.
 */
export function orderFor(
  request: string,
  options: Omit<OrderOptions, "names">,
): Promise<Result<string, OrderProblem>> {
  const mine = last.then(() => orderNow(request, options));
  last = mine;
  return mine;
}

async function orderNow(
  request: string,
  options: Omit<OrderOptions, "names">,
): Promise<Result<string, OrderProblem>> {
  const { directory, directoryAuthority, email, accountKey, challenges } = options;
  lastProblem = undefined;
  answered = false;
  axios.defaults.httpsAgent = new Agent({
    ca: directoryAuthority ?? [...rootCertificates],
    minVersion: "TLSv1.2",
  });
  try {
    const client = new Client({ directoryUrl: directory, accountKey, backoffMin: 1000, backoffMax: 10_000 });
    await enterAccount(client, email);
    const certificate = await client.auto({
      csr: request,
      challengePriority: ["http-01"],
      // From behind NAT we may not reach our own name; the authority is who has to.
      skipChallengeVerification: true,
      challengeCreateFn: async (_authorization, challenge, keyAuthorization) => {
        try {
          await challenges.put(challenge.token, keyAuthorization);
        } catch (error) {
          lastProblem = "challenge";
          throw error;
        }
      },
      challengeRemoveFn: async (_authorization, challenge) => challenges.remove(challenge.token),
    });
    return ok(certificate);
  } catch {
    // What it threw may quote the authority's words; the closed code says enough.
    return fail(lastProblem ?? (answered ? "directory" : "unreachable"));
  }
}

/**
 * The key's account, made where there is none. acme-client's own way sends an existing one an update that changes nothing,
 * which authorities may refuse.
 */
async function enterAccount(client: Client, email: string): Promise<void> {
  const contact = email === "" ? {} : { contact: [`mailto:${email}`] };
  const known = await client.createAccount({ onlyReturnExisting: true }).catch(() => undefined);
  if (known === undefined) {
    lastProblem = undefined;
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
  } else if (contact.contact && !known.contact?.includes(contact.contact[0]!)) {
    await client.updateAccount(contact);
  }
}
