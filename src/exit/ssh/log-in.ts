import type { AuthContext, Connection } from "ssh2";
import type { Authoriser, Refusal, Session } from "../authorise.ts";
import { DISCONNECT, sendBanner, sendDisconnect } from "./disconnect.ts";

/** RFC 4252 section 4 recommends 20; OpenSSH's own server allows 6. */
const TRIES = 6;
const METHODS = ["password", "keyboard-interactive"] as const;

/** Where another password would not help: what the person is told, and the reason that the client's program is. */
const ENDS: Record<Exclude<Refusal, "unknown">, { text: string; reason: number }> = {
  expired: { text: "The paid time of this account is over.", reason: DISCONNECT.noMoreMethods },
  "slow-down": {
    text: "Too many wrong passwords lately: try again in some minutes.",
    reason: DISCONNECT.noMoreMethods,
  },
  "too-many": {
    text: "This account has too many sessions on this server: end one first.",
    reason: DISCONNECT.tooManyConnections,
  },
  draining: {
    text: "This server takes no new sessions: choose another one.",
    reason: DISCONNECT.serviceNotAvailable,
  },
  unavailable: {
    text: "Logins cannot be checked at the moment: try again soon.",
    reason: DISCONNECT.serviceNotAvailable,
  },
};

/**
 * Answers a connection's tries to log in (RFC 4252): `password`, and `keyboard-interactive` (RFC 4256) with the one question
 * for it, which some clients ask first. `onAdmitted` is called once at most; whoever it gives the session to closes it.
 */
export function answerLogins(options: {
  client: Connection;
  authoriser: Authoriser;
  /** The client's, as text. */
  address: string;
  onAdmitted: (session: Session, selfTest: boolean) => void;
  /** The client has been told why; the connection is to be closed. */
  onRefused: () => void;
}): void {
  const { client, authoriser, address, onAdmitted, onRefused } = options;
  let tries = 0;
  let over = false;
  let ready = false;
  client.once("ready", () => {
    ready = true;
  });
  client.once("close", () => {
    over = true;
  });

  const end = ({ text, reason }: { text: string; reason: number }): void => {
    over = true;
    sendBanner(client, text);
    sendDisconnect(client, reason, text);
    onRefused();
  };

  const decide = async (context: AuthContext, password: string): Promise<void> => {
    const { username } = context;
    const admission = await authoriser.login({ service: "ssh", username, password, address });
    if (admission.admitted) {
      if (!over) context.accept();
      // The client may have gone, or tried again before this was answered: then nobody uses it.
      if (!ready || over) return admission.session.close();
      over = true;
      onAdmitted(admission.session, admission.selfTest === true);
      return;
    }
    if (over) return;
    if (admission.reason !== "unknown") end(ENDS[admission.reason]);
    else context.reject([...METHODS]);
  };

  client.on("authentication", (context) => {
    if (over || ready) return;
    // Asks what there is (RFC 4252 section 5.2).
    if (context.method === "none") return context.reject([...METHODS]);
    tries += 1;
    if (tries > TRIES) return end({ text: "Too many tries.", reason: DISCONNECT.noMoreMethods });
    if (context.method === "password") return void decide(context, context.password);
    if (context.method !== "keyboard-interactive") return context.reject([...METHODS]);
    context.prompt([{ prompt: "Password: ", echo: false }], (responses) => {
      // ssh2 gives an error here where the client has begun another try; its own type says nothing of it.
      const answers: unknown = responses;
      if (!Array.isArray(answers)) return;
      if (answers.length === 1 && typeof answers[0] === "string") void decide(context, answers[0]);
      else context.reject([...METHODS]);
    });
  });
}
