import { wireguardWorks } from "../../src/exit/self-test/wireguard-client.ts";
import { wireguardKey } from "../../src/exit/wireguard/own-key.ts";
import { logins } from "./measure.ts";

/**
 * In the client's namespace: so many WireGuard handshakes a second, by several devices at one time, each a whole one. What to ask
 * comes on standard input as JSON; the figure goes to standard output.
 */
interface Wanted {
  address: string;
  port: number;
  /** Base64. */
  serverKey: string;
  privateKeys: string[];
  seconds: number;
}

let text = "";
for await (const piece of process.stdin) text += String(piece);
const { address, port, serverKey, privateKeys, seconds } = JSON.parse(text) as Wanted;
const keys = privateKeys.map((key) => wireguardKey(Buffer.from(key, "base64")));
const rate = await logins(seconds, keys.length, async (index) => {
  const works = await wireguardWorks({ address, port, serverKey, key: keys[index]!, timeoutMs: 10_000 });
  if (!works) throw new Error("no handshake");
  // An engine takes one initiation of a device in 20 ms (WireGuard paper, section 5.1).
  await new Promise((resolve) => setTimeout(resolve, 20));
});
process.stdout.write(JSON.stringify(rate));
