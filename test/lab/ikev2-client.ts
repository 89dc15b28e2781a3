import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ViciClient } from "../../src/exit/ikev2/vici-client.ts";
import { endProgram, type Namespace, PATIENCE_MS, until } from "./namespace.ts";

/** What this client takes of the file for strongSwan's app (.sswan). */
export interface Sswan {
  remote: { id: string; cert: string };
}

export interface Ikev2Login {
  profile: Sswan;
  /** Of the exit: the kill switch lets no name be asked for. */
  address: string;
  username: string;
  password: string;
  /** What it asks for inside the tunnel; an address of each version unless told. */
  addresses?: string[];
}

let clients = 0;

/**
 * A real client: strongSwan with EAP-MSCHAPv2, told what stands in the file for its app. Like the app it blocks what is not inside the
 * tunnel while it is started, looks every second whether the exit is there, and connects again by itself.
 */
export class Ikev2Client {
  readonly #on: Namespace;
  readonly #folder: string;
  readonly #process: ChildProcess;
  #vici: ViciClient | undefined;
  #failed = false;
  /** Let through by the block; nothing where there is none. */
  #address: string | undefined;

  private constructor(on: Namespace, folder: string) {
    this.#on = on;
    this.#folder = folder;
    const configuration = join(folder, "strongswan.conf");
    writeFileSync(configuration, configurationOf(folder));
    this.#process = on.start(["charon-systemd", `--lab=${folder}`], "ignore", {
      STRONGSWAN_CONF: configuration,
    });
  }

  /** `block`: as the app does it. That is this client's own, and no file of ours makes it. */
  static async start(
    on: Namespace,
    folder: string,
    login: Ikev2Login,
    { block = true } = {},
  ): Promise<Ikev2Client> {
    const client = new Ikev2Client(on, mkdtempSync(join(folder, `ikev2-${++clients}-`)));
    if (block) {
      await client.#block("add", login.address);
      client.#address = login.address;
    }
    try {
      await client.#connect(login);
      return client;
    } catch (error) {
      await client.stop();
      throw error;
    }
  }

  async #connect({ profile, address, username, password, addresses }: Ikev2Login): Promise<void> {
    const socket = join(this.#folder, "vici");
    await until("strongSwan", PATIENCE_MS, () => existsSync(socket));
    this.#vici = await ViciClient.open(socket);
    const data = Buffer.from(profile.remote.cert, "base64");
    await this.#vici.request("load-cert", { type: "X509", flag: "CA", data });
    await this.#vici.request("load-shared", { type: "EAP", data: password, owners: [username] });
    await this.#vici.request("load-conn", {
      lethe: {
        version: "2",
        remote_addrs: [address],
        vips: addresses ?? ["0.0.0.0", "::"],
        dpd_delay: "1s",
        keyingtries: "0",
        local: { auth: "eap-mschapv2", id: username, eap_id: username },
        remote: { auth: "pubkey", id: profile.remote.id },
        children: { lethe: { remote_ts: ["0.0.0.0/0", "::/0"], dpd_action: "restart" } },
      },
    });
    this.#vici.request("initiate", { child: "lethe", timeout: "-1" }).catch(() => {
      this.#failed = true;
    });
  }

  /** Once the tunnel has its addresses. */
  async online(timeoutMs = PATIENCE_MS): Promise<void> {
    await until("the tunnel", timeoutMs, () => this.#failed || /CHILD_SA .* established/.test(this.said()));
    if (this.#failed) throw new Error(`no tunnel; strongSwan said:\n${this.said()}`);
  }

  said(): string {
    const log = join(this.#folder, "log");
    return existsSync(log) ? readFileSync(log, "utf8") : "";
  }

  /** The address that the exit gave this client inside the tunnel, the latest where it has had several. */
  tunnelAddress(): string {
    const address = [...this.said().matchAll(/installing new virtual IP (\d+\.\d+\.\d+\.\d+)/g)].at(-1)?.[1];
    if (address === undefined) throw new Error(`no address in the tunnel; strongSwan said:\n${this.said()}`);
    return address;
  }

  async stop(): Promise<void> {
    await this.end();
    if (this.#address !== undefined) await this.#block("del", this.#address);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** strongSwan goes, and what blocks the rest stays. */
  async end(): Promise<void> {
    this.#vici?.close();
    await endProgram(this.#process);
  }

  /** Behind strongSwan's own table (220): what it does not take goes nowhere. The exit itself is reached past both. */
  async #block(what: "add" | "del", address: string): Promise<void> {
    await this.#on.run(["ip", "rule", what, "to", address, "table", "main", "priority", "219"]);
    for (const family of ["-4", "-6"]) {
      await this.#on.run(["ip", family, "route", what, "unreachable", "default", "table", "221"]);
      await this.#on.run(["ip", family, "rule", what, "table", "221", "priority", "221"]);
    }
  }
}

const PLUGINS =
  "random nonce openssl pem pkcs1 pkcs8 x509 pubkey constraints aes sha1 sha2 md4 hmac kdf gcm curve25519 drbg socket-default vici eap-identity eap-mschapv2 kernel-libipsec kernel-netlink";

const configurationOf = (folder: string): string => `charon-systemd {
  load = ${PLUGINS}
  retransmit_tries = 2
  retransmit_timeout = 1.0
  retransmit_base = 1.0
  journal {
    default = -1
  }
  syslog {
    daemon {
      default = -1
    }
    auth {
      default = -1
    }
  }
  filelog {
    lab {
      path = ${folder}/log
      default = 1
      flush_line = yes
    }
  }
  plugins {
    vici {
      socket = unix://${folder}/vici
    }
    kernel-libipsec {
      allow_peer_ts = yes
    }
    kernel-netlink {
      fwmark = !0x42
    }
    socket-default {
      fwmark = 0x42
    }
  }
}
`;
