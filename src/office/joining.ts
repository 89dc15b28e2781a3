import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { SignUpThrottle } from "../accounts/sign-up-throttle.ts";
import type { Fleet, Trust } from "../fleet/fleet.ts";
import type { Clock } from "../lib/clock.ts";
import { fail, type Result } from "../lib/result.ts";
import { type EnrolmentAnswer, type EnrolmentRefusal, enrolmentRequest } from "../link/enrolment.ts";
import { isLinkPublicKey } from "../link/link-key.ts";
import type { ExitFiles } from "./exit-files.ts";

/**
 * POST /enrol: `body` as it came, `address` of whoever sent it (never kept). Wrong tries from one network are slowed; a token
 * has 130 bits, so that this spares the database rather than the tokens.
 */
export function enroller(options: { fleet: Fleet; clock: Clock; trust: Trust | undefined }) {
  const { fleet, clock, trust } = options;
  const throttle = new SignUpThrottle(clock);
  return async (body: unknown, address: string): Promise<Result<EnrolmentAnswer, EnrolmentRefusal>> => {
    const taken = throttle.take(address);
    if (taken === undefined) return fail("slow-down");
    const { data: request } = enrolmentRequest.safeParse(body);
    if (request === undefined || !isLinkPublicKey(request.nkey)) return fail("malformed");
    if (trust === undefined) return fail("unknown");
    const outcome = await fleet.enrol(request, trust);
    if (outcome.ok) taken.giveBack();
    return outcome;
  };
}

/** Why no server can join this office now, in the operator's words; undefined where one can. */
export function joinProblem(office: {
  /** As people type it. */
  origin: string;
  /** Whether it runs a nats-server of its own. */
  ownLink: boolean;
  /** Where its program is. */
  natsServer: string;
  authority: string | undefined;
}): string | undefined {
  if (office.authority === undefined)
    return "openssl is not installed on this machine: without it no server gets a certificate.";
  if (office.ownLink && !existsSync(office.natsServer))
    return "nats-server is not installed on this machine. `sudo npm start` installs it, or: apt-get install nats-server";
  const { hostname } = new URL(office.origin);
  if (isOnlyHere(hostname))
    return `A new server could not reach this office at ${office.origin}. Set site.url in lethe.toml to the address that people type, and \`lethe restart\`.`;
  return undefined;
}

/** The same of the files that a new server fetches; they are made here where they are not there yet. */
export const packProblem = (files: Pick<ExitFiles, "ready">): Promise<string | undefined> =>
  files.ready().then(
    () => undefined,
    (error: NodeJS.ErrnoException) =>
      error.code === "ENOSPC"
        ? "The exit's program cannot be packed: the disk is full."
        : "The exit's program cannot be packed. Is Lethe installed whole? `npm ci` in its folder puts the Node runtime there that new servers get.",
  );

function isOnlyHere(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return (
    bare === "localhost" ||
    bare === "::1" ||
    bare === "::" ||
    bare === "0.0.0.0" ||
    (isIP(bare) === 4 && bare.startsWith("127."))
  );
}
