import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PRIVATE_KEY_LINE } from "../../src/profiles/wireguard.ts";
import type { ApiMember } from "./api-member.ts";
import { must, type Namespace, PATIENCE_MS } from "./namespace.ts";

/** A device of a member's: its id with the office, and its private key, which the office has never seen. */
export interface WireguardDevice {
  id: string;
  privateKey: string;
  publicKey: string;
}

/** Makes a key pair as a member does, and adds the device over the API. */
export async function addDevice(member: ApiMember): Promise<WireguardDevice> {
  const keys = await makeKeys();
  const { status, json, text } = await member.ask("POST", "/api/v1/account/devices", {
    publicKey: keys.publicKey,
  });
  if (status !== 201) throw new Error(`the device was not added: ${status} ${text}`);
  return { ...keys, id: String(json.id) };
}

export async function makeKeys(): Promise<{ privateKey: string; publicKey: string }> {
  const privateKey = (await must(["wg", "genkey"])).trim();
  const publicKey = (await must(["wg", "pubkey"], { input: `${privateKey}\n` })).trim();
  return { privateKey, publicKey };
}

/** The file of a device for a server, which enables it there; its private key put in as the member does. */
export async function deviceFile(
  member: ApiMember,
  device: WireguardDevice,
  server: string,
  query = "system=linux",
): Promise<string> {
  const path = `/api/v1/account/devices/${device.id}/profiles/${server}?${query}`;
  const { status, text } = await member.ask("POST", path);
  if (status !== 200) throw new Error(`no file for ${server}: ${status} ${text}`);
  return text.replace(PRIVATE_KEY_LINE, `PrivateKey = ${device.privateKey}`);
}

let clients = 0;

/** A real client: `wg-quick up` with the file that the site gives, and whatever WireGuard the host has below it. */
export class WireguardClient {
  readonly #on: Namespace;
  readonly #folder: string;
  readonly device: string;
  output = "";
  #up = false;

  private constructor(on: Namespace, folder: string) {
    this.#on = on;
    this.#folder = mkdtempSync(join(folder, "wireguard-"));
    // Its socket lies in a folder that all namespaces share.
    this.device = `wl${process.pid}n${++clients}`.slice(0, 15);
  }

  static async start(on: Namespace, folder: string, file: string): Promise<WireguardClient> {
    const client = new WireguardClient(on, folder);
    writeFileSync(client.#file, file, { mode: 0o600 });
    const { code, stdout, stderr } = await on.run(["wg-quick", "up", client.#file]);
    client.output = `${stdout}${stderr}`;
    client.#up = true;
    if (code !== 0) {
      await client.stop();
      throw new Error(`wg-quick up → ${code}\n${client.output}`);
    }
    return client;
  }

  get #file(): string {
    return join(this.#folder, `${this.device}.conf`);
  }

  /** Whether a handshake was completed. */
  async shookHands(): Promise<boolean> {
    const { stdout } = await this.#on.run(["wg", "show", this.device, "latest-handshakes"]);
    return /\t[1-9]\d*$/m.test(stdout);
  }

  async online(timeoutMs = PATIENCE_MS): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!(await this.shookHands())) {
      if (performance.now() > end) throw new Error(`no handshake in ${timeoutMs} ms\n${this.output}`);
      await sleep(100);
    }
  }

  async stop(): Promise<void> {
    if (this.#up) await this.#on.run(["wg-quick", "down", this.#file]);
    this.#up = false;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
