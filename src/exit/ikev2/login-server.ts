import type { Log } from "../../lib/event-log.ts";
import { FrameServer } from "../keeper/frame-server.ts";
import { loginFrame, loginQuestion, MAX_FRAME_BYTES, readLogin } from "./login-wire.ts";
import type { Ikev2Question, Ikev2Verdict } from "./radius-server.ts";

/** A worker that does not read its answers is cut off. */
const MAX_UNSENT_BYTES = 4_000_000;

/** The keeper's end of the socket on which the RADIUS worker asks. */
export const loginServer = (options: {
  path: string;
  /** Never rejects. */
  decide: (question: Ikev2Question) => Promise<Ikev2Verdict>;
  log: Log;
}): FrameServer =>
  new FrameServer({
    path: options.path,
    maxFrameBytes: MAX_FRAME_BYTES,
    refused: () => options.log("proxy-message-refused", { reason: "malformed", part: "ikev2" }),
    accept: (socket) => ({
      take: (payload) => {
        const question = readLogin(loginQuestion, payload);
        if (question === undefined || socket.writableLength > MAX_UNSENT_BYTES) return false;
        const { id, ...asked } = question;
        void options.decide(asked).then((verdict) => {
          if (!socket.destroyed) socket.write(loginFrame({ id, ...verdict }));
        });
        return true;
      },
    }),
  });
