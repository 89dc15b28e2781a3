import type { Socket } from "node:net";
import type { Log } from "../../lib/event-log.ts";
import type { Admission, Authoriser, Lender, Session } from "../authorise.ts";
import { MAX_FRAME_BYTES, readToKeeper, TO_PROXY, type ToKeeper } from "../authorise-wire.ts";
import { MessageBatch } from "../message-batch.ts";
import { type Asker, FrameServer } from "./frame-server.ts";

/** A proxy that does not read what we tell it is cut off. */
const MAX_UNSENT_BYTES = 16_000_000;
const MAX_SESSIONS_A_PROXY = 200_000;

/** Who lends nothing has every connection asked for. */
type KeepersAuthoriser = Authoriser & Partial<Lender>;

/** The keeper's end of the authorise socket: proxies ask, the keeper's Authoriser answers, cuts are pushed. */
export const authoriseServer = (options: {
  path: string;
  authoriser: KeepersAuthoriser;
  log: Log;
}): FrameServer =>
  new FrameServer({
    path: options.path,
    maxFrameBytes: MAX_FRAME_BYTES,
    refused: () => options.log("proxy-message-refused", { reason: "malformed" }),
    accept: (socket) => new ProxyConnection(socket, options.authoriser),
  });

class ProxyConnection implements Asker {
  #socket: Socket;
  #authoriser: KeepersAuthoriser;
  #out: MessageBatch;
  /** Live sessions by the proxy's id; nothing under an id whose login is still being decided. */
  #sessions = new Map<number, Session | undefined>();

  constructor(socket: Socket, authoriser: KeepersAuthoriser) {
    this.#socket = socket;
    this.#authoriser = authoriser;
    this.#out = new MessageBatch(socket);
  }

  take(payload: Buffer): boolean {
    const messages = readToKeeper(payload);
    return messages !== undefined && this.#takeAll(messages);
  }

  #takeAll(messages: ToKeeper[]): boolean {
    for (const message of messages) {
      if (message.kind === "close") {
        this.#sessions.get(message.id)?.close();
        this.#sessions.delete(message.id);
        continue;
      }
      if (message.kind === "giveBack") {
        if (!this.#giveBack(message.id, message.slots)) return false;
        continue;
      }
      const { id, attempt } = message;
      if (this.#sessions.has(id)) return false;
      if (this.#sessions.size >= MAX_SESSIONS_A_PROXY) {
        this.#out.add([TO_PROXY.refused, id, "too-many"]);
        continue;
      }
      this.#sessions.set(id, undefined);
      this.#authoriser.login(attempt).then(
        (admission) => this.#answer(id, admission),
        () => this.#answer(id, { admitted: false, reason: "unavailable" }),
      );
    }
    return this.#socket.writableLength <= MAX_UNSENT_BYTES;
  }

  /** Its sessions end with it. */
  closed(): void {
    for (const session of this.#sessions.values()) session?.close();
    this.#sessions.clear();
  }

  #giveBack(id: number, slots: number): boolean {
    const session = this.#sessions.get(id);
    // Its cut may be on the way to the proxy.
    if (session === undefined) return !this.#sessions.has(id);
    return this.#authoriser.giveBack?.(session, slots) ?? false;
  }

  #answer(id: number, admission: Admission): void {
    const stillWanted = this.#sessions.has(id);
    if (!admission.admitted) {
      this.#sessions.delete(id);
      this.#out.add([TO_PROXY.refused, id, admission.reason]);
      return;
    }
    if (!stillWanted || this.#socket.destroyed) {
      admission.session.close();
      return;
    }
    this.#sessions.set(id, admission.session);
    const onRecall = () => this.#out.add([TO_PROXY.recall, id]);
    const slots = this.#authoriser.lend?.(admission.session, onRecall) ?? 1;
    if (admission.selfTest) this.#out.add([TO_PROXY.selfTest, id]);
    else this.#out.add(slots > 1 ? [TO_PROXY.admitted, id, slots] : [TO_PROXY.admitted, id]);
    admission.session.onCut(() => {
      this.#sessions.delete(id);
      this.#out.add([TO_PROXY.cut, id]);
    });
  }
}
