import { text } from "node:stream/consumers";
import { wireguardKey } from "../wireguard/own-key.ts";
import { wireguardWorks } from "./wireguard-client.ts";

/** One test of a WireGuard engine, in whatever network namespace this is started: what it says goes to standard output. */
const { port, serverKey, privateKey, timeoutMs } = JSON.parse(await text(process.stdin)) as {
  port: number;
  serverKey: string;
  privateKey: string;
  timeoutMs: number;
};
const key = wireguardKey(Buffer.from(privateKey, "base64"));
const works = await wireguardWorks({ address: "127.0.0.1", port, serverKey, key, timeoutMs });
process.stdout.write(`${works}\n`);
