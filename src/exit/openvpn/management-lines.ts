/**
 * What OpenVPN says on its management interface, as far as the exit cares (management-notes.txt, OpenVPN 2.6):
 *
 *   >CLIENT:CONNECT,{cid},{kid}      a client has sent username and password and waits; its environment follows
 *   >CLIENT:REAUTH,{cid},{kid}       the same for a live client whose keys are renewed
 *   >CLIENT:ESTABLISHED,{cid}        environment follows
 *   >CLIENT:DISCONNECT,{cid}         environment follows (bytes and duration among it)
 *   >CLIENT:ENV,{name}={value}       not escaped: OpenVPN itself turns unprintable bytes into "_"
 *   >CLIENT:ENV,END
 *   CLIENT_LIST,…                    rows of the answer to `status 2`, under HEADER,CLIENT_LIST,…; then END
 *   SUCCESS: … / ERROR: …            the answer to any other command
 *
 * Notifications may stand between the lines of an answer. Of the environment only username, password and the client's
 * address are taken, and only for the two questions; everything else (addresses, byte counts, durations) is dropped here.
 */
export type ManagementEvent =
  | { type: "question"; reauth: boolean; cid: number; kid: number; login: ClientLogin | undefined }
  | { type: "established"; cid: number }
  | { type: "disconnected"; cid: number }
  /** `username` is undefined for a client that has not been let in yet. */
  | { type: "status-client"; cid: number; username: string | undefined }
  | { type: "status-end" }
  | { type: "failed" };

export interface ClientLogin {
  username: string;
  password: string;
  /** IPv4 or IPv6 address as text; empty where OpenVPN gave none. */
  address: string;
}

/** Longer than any line of OpenVPN's: a username and a password are at most 4,095 bytes each. */
const MAX_LINE_BYTES = 16 * 1024;
const MAX_ENVIRONMENT_LINES = 1024;
const MAX_ID = 0xffff_ffff;

interface OpenBlock {
  kind: "CONNECT" | "REAUTH" | "ESTABLISHED" | "DISCONNECT";
  cid: number;
  kid: number;
  lines: number;
  login: { username?: string; password?: string; trusted?: string; untrusted?: string };
  /** A line of it was refused: what is missing is not guessed. */
  broken: boolean;
}

export class ManagementLines {
  #held: Buffer[] = [];
  #heldBytes = 0;
  #skipping = false;
  #block: OpenBlock | undefined;
  /** Which column of CLIENT_LIST is which, from the HEADER line of this very answer. */
  #columns: { cid: number; username: number; tunnel: number; count: number } | undefined;
  /** Lines that could not be made sense of. */
  refused = 0;

  /** The events that are complete with these bytes; they may come in pieces of any size. */
  push(bytes: Uint8Array): ManagementEvent[] {
    const events: ManagementEvent[] = [];
    let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (;;) {
      const end = rest.indexOf(0x0a);
      if (end < 0) break;
      const line = this.#endLine(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      const event = line === undefined ? this.#refuse() : this.#line(line);
      if (event !== undefined) events.push(event);
    }
    this.#hold(rest);
    return events;
  }

  #hold(bytes: Buffer): void {
    if (bytes.length === 0 || this.#skipping) return;
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > MAX_LINE_BYTES) {
      this.#skipping = true;
      this.#held = [];
    } else {
      this.#held.push(Buffer.from(bytes));
    }
  }

  /** The line that ends here, without its CR; nothing where it was too long. */
  #endLine(tail: Buffer): string | undefined {
    const tooLong = this.#skipping || this.#heldBytes + tail.length > MAX_LINE_BYTES;
    const line = tooLong ? undefined : Buffer.concat([...this.#held, tail]).toString("utf8");
    this.#held = [];
    this.#heldBytes = 0;
    this.#skipping = false;
    return line?.endsWith("\r") ? line.slice(0, -1) : line;
  }

  #refuse(): undefined {
    this.refused++;
    if (this.#block !== undefined) this.#block.broken = true;
    return undefined;
  }

  #line(line: string): ManagementEvent | undefined {
    if (line.startsWith(">CLIENT:ENV,")) return this.#environment(line.slice(12));
    if (line.startsWith(">CLIENT:")) return this.#client(line.slice(8));
    if (line.startsWith(">")) return undefined;
    if (line.startsWith("HEADER,CLIENT_LIST,")) return this.#header(line);
    if (line.startsWith("CLIENT_LIST,")) return this.#clientRow(line);
    if (line === "END") {
      this.#columns = undefined;
      return { type: "status-end" };
    }
    if (line.startsWith("ERROR:")) return { type: "failed" };
    return undefined;
  }

  #client(text: string): undefined {
    const [kind, cidText, kidText] = text.split(",");
    if (kind === "ADDRESS" || kind === "CR_RESPONSE") return undefined;
    const cid = idOf(cidText);
    const asks = kind === "CONNECT" || kind === "REAUTH";
    const kid = asks ? idOf(kidText) : 0;
    const known = asks || kind === "ESTABLISHED" || kind === "DISCONNECT";
    // A block inside a block: the first one never got its end.
    if (this.#block !== undefined) this.#refuse();
    this.#block = undefined;
    if (!known || cid === undefined || kid === undefined) return this.#refuse();
    this.#block = { kind, cid, kid, lines: 0, login: {}, broken: false };
    return undefined;
  }

  #environment(text: string): ManagementEvent | undefined {
    const block = this.#block;
    if (block === undefined) return this.#refuse();
    if (text === "END") {
      this.#block = undefined;
      return eventOf(block);
    }
    if (++block.lines > MAX_ENVIRONMENT_LINES) return this.#refuse();
    if (block.kind !== "CONNECT" && block.kind !== "REAUTH") return undefined;
    const equals = text.indexOf("=");
    if (equals < 0) return this.#refuse();
    const value = text.slice(equals + 1);
    switch (text.slice(0, equals)) {
      case "username":
        block.login.username = value;
        break;
      case "password":
        block.login.password = value;
        break;
      case "trusted_ip":
      case "trusted_ip6":
        block.login.trusted = value;
        break;
      case "untrusted_ip":
      case "untrusted_ip6":
        block.login.untrusted = value;
        break;
    }
    return undefined;
  }

  #header(line: string): undefined {
    const names = line.split(",").slice(2);
    const cid = names.indexOf("Client ID");
    const username = names.indexOf("Username");
    const tunnel = names.indexOf("Virtual Address");
    if (cid < 0 || username < 0 || tunnel < 0) return this.#refuse();
    this.#columns = { cid, username, tunnel, count: names.length };
    return undefined;
  }

  #clientRow(line: string): ManagementEvent | undefined {
    const columns = this.#columns;
    if (columns === undefined) return this.#refuse();
    const fields = line.split(",").slice(1);
    // A name is not escaped: commas in that of somebody who has not logged in yet would make a row of anybody's.
    if (fields.length !== columns.count) return this.#refuse();
    const cid = idOf(fields[columns.cid]);
    const username = fields[columns.username];
    if (cid === undefined || username === undefined) return this.#refuse();
    // An address inside the tunnel is given to those who have been let in, and to nobody else.
    const admitted = (fields[columns.tunnel] ?? "") !== "";
    return { type: "status-client", cid, username: admitted ? username : undefined };
  }
}

function eventOf(block: OpenBlock): ManagementEvent {
  const { kind, cid, kid } = block;
  if (kind === "ESTABLISHED") return { type: "established", cid };
  if (kind === "DISCONNECT") return { type: "disconnected", cid };
  const { username, password, trusted, untrusted } = block.login;
  const whole = !block.broken && username !== undefined && password !== undefined;
  return {
    type: "question",
    reauth: kind === "REAUTH",
    cid,
    kid,
    login: whole ? { username, password, address: trusted ?? untrusted ?? "" } : undefined,
  };
}

function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}
