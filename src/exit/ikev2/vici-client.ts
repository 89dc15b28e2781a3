import { connect, type Socket } from "node:net";
import { FrameReader, frame } from "../../lib/frames.ts";
import { decodeVici, encodeVici, textOf, type ViciMessage, type ViciSection } from "./vici-message.ts";

/** Packets (src/libcharon/plugins/vici/README.md, "Packet layer"): a type, a name where the type has one, a message. */
const PACKET = {
  request: 0,
  response: 1,
  unknownCommand: 2,
  register: 3,
  confirmed: 5,
  unknownEvent: 6,
  event: 7,
} as const;
const MAX_BYTES = 1_000_000;
const ANSWER_WITHIN_MS = 5000;

class ViciError extends Error {}

interface Question {
  resolve: (answer: ViciSection) => void;
  reject: (error: ViciError) => void;
  timer: NodeJS.Timeout;
}

/** One connection to strongSwan's control socket. Questions are answered in their order. */
export class ViciClient {
  readonly #socket: Socket;
  readonly #questions: Question[] = [];
  readonly #onEvent: (name: string, message: ViciSection) => void;

  private constructor(socket: Socket, onEvent: (name: string, message: ViciSection) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    const reader = new FrameReader(MAX_BYTES, (payload) => this.#take(payload));
    socket.on("data", (chunk: Buffer) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    socket.on("close", () => {
      for (const { reject, timer } of this.#questions.splice(0)) {
        clearTimeout(timer);
        reject(new ViciError("strongSwan has closed its control socket"));
      }
    });
  }

  /** Rejects where nobody listens there. `onEvent` gets what `register` has asked for. */
  static open(
    path: string,
    onEvent: (name: string, message: ViciSection) => void = () => {},
  ): Promise<ViciClient> {
    const { promise, resolve, reject } = Promise.withResolvers<ViciClient>();
    const socket = connect(path);
    socket.on("error", () => reject(new ViciError("strongSwan's control socket does not answer")));
    socket.on("connect", () => resolve(new ViciClient(socket, onEvent)));
    return promise;
  }

  onClose(callback: () => void): void {
    if (this.#socket.destroyed) callback();
    else this.#socket.on("close", callback);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Rejects where strongSwan does not know the command, says `success = no`, or does not answer. Its own words are not passed on: they may hold addresses. */
  async request(command: string, message: ViciMessage = {}): Promise<ViciSection> {
    const answer = await this.#ask(PACKET.request, command, encodeVici(message));
    if (textOf(answer, "success") === "no") throw new ViciError(`strongSwan refused ${command}`);
    return answer;
  }

  async register(event: string): Promise<void> {
    await this.#ask(PACKET.register, event, Buffer.alloc(0));
  }

  #ask(type: number, name: string, message: Buffer): Promise<ViciSection> {
    const { promise, resolve, reject } = Promise.withResolvers<ViciSection>();
    if (this.#socket.destroyed) return Promise.reject(new ViciError("strongSwan's control socket is closed"));
    const timer = setTimeout(() => this.#socket.destroy(), ANSWER_WITHIN_MS);
    this.#questions.push({ resolve, reject, timer });
    this.#socket.write(frame(Buffer.from([type, name.length]), Buffer.from(name), message));
    return promise;
  }

  #take(payload: Buffer): void {
    if (payload[0] === PACKET.event) {
      const length = payload[1] ?? 0;
      const message = decodeVici(payload.subarray(2 + length));
      if (message === undefined) this.#socket.destroy();
      else this.#onEvent(payload.subarray(2, 2 + length).toString(), message);
      return;
    }
    const question = this.#questions.shift();
    if (question === undefined) return void this.#socket.destroy();
    clearTimeout(question.timer);
    const message = payload[0] === PACKET.response ? decodeVici(payload.subarray(1)) : new Map();
    if (payload[0] === PACKET.unknownCommand || payload[0] === PACKET.unknownEvent || message === undefined)
      question.reject(new ViciError("strongSwan does not know that"));
    else question.resolve(message);
  }
}
