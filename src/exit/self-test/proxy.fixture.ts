import { AuthoriseClient } from "../authorise-client.ts";
import type { ProxySettings, ProxyStart } from "../messages.ts";
import { createProxyWorker } from "../proxy/worker.ts";
import { selfTestTargetPath } from "./target.ts";

/** A proxy process as `proxy/main.ts` makes one, which stays its caller's user. For tests. */
let worker: ReturnType<typeof createProxyWorker> | undefined;

process.on("message", async (message: ProxyStart | ProxySettings) => {
  if (message.type === "start") {
    const { authoriseSocket } = message;
    const authoriser = new AuthoriseClient({ path: authoriseSocket });
    authoriser.start();
    worker = createProxyWorker({
      authoriser,
      log: () => {},
      selfTestTarget: selfTestTargetPath(authoriseSocket),
      resolve: async () => ({ ok: false, reason: "no-such-name" }),
    });
    return;
  }
  const services = await worker!.apply(message);
  process.send!({ type: "listening", services });
});
process.on("disconnect", () => process.exit(0));
