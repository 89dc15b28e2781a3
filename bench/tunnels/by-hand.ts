import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { must } from "../../test/lab/namespace.ts";
import { RunningProgram } from "./programs.ts";
import type { BenchWorld } from "./world.ts";

/** The text of a file in by-hand/, its words in capitals replaced. */
export function byHand(name: string, words: Record<string, string> = {}): string {
  const text = readFileSync(fileURLToPath(new URL(`by-hand/${name}`, import.meta.url)), "utf8");
  return Object.entries(words).reduce((all, [word, value]) => all.replaceAll(word, value), text);
}

/** What an administrator makes once: an authority, a server's certificate and keys, in a folder of their own; and NAT. */
export class ByHand {
  readonly #world: BenchWorld;
  readonly folder: string;

  private constructor(world: BenchWorld) {
    this.#world = world;
    this.folder = mkdtempSync(join(world.folder, "hand-"));
  }

  static async prepare(world: BenchWorld): Promise<ByHand> {
    const made = new ByHand(world);
    const { folder } = made;
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const at = (name: string): string => join(folder, name);
    await must([
      "openssl",
      "req",
      "-x509",
      ...ec,
      "-keyout",
      at("ca.key"),
      "-out",
      at("ca.crt"),
      "-subj",
      "/CN=By hand",
      "-days",
      "30",
    ]);
    await must([
      "openssl",
      "req",
      ...ec,
      "-keyout",
      at("server.key"),
      "-out",
      at("server.csr"),
      "-subj",
      "/CN=hand.example",
    ]);
    writeFileSync(
      at("extensions"),
      "extendedKeyUsage = serverAuth\nkeyUsage = digitalSignature\nsubjectAltName = DNS:hand.example\n",
    );
    await must([
      ...["openssl", "x509", "-req", "-in", at("server.csr"), "-CA", at("ca.crt"), "-CAkey", at("ca.key")],
      ...["-out", at("server.crt"), "-days", "30", "-extfile", at("extensions")],
    ]);
    await must(["openvpn", "--genkey", "tls-crypt", at("tls-crypt.key")]);
    writeFileSync(at("nat.nft"), byHand("nat.nft"));
    await world.hand.must(["nft", "-f", at("nat.nft")]);
    return made;
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /**
   * A program of the server's, in the folder of its files and in a session of its own, as Lethe's engines and a service manager's are:
   * the kernel shares the processors between sessions first (sched(7), autogroups), and this one would have the clients' share.
   */
  start(argv: readonly string[], env: object = {}): RunningProgram {
    return new RunningProgram(this.#world.hand, ["setsid", ...argv], { folder: this.folder, env });
  }

  /** OpenVPN's server; resolves when it has its device. `share`: the port here that gets what is TLS. */
  async openvpn(
    protocol: "udp" | "tcp",
    { port, share }: { port: number; share?: number } = { port: 1194 },
  ): Promise<RunningProgram> {
    const words = {
      PROTOCOL: protocol === "udp" ? "udp6" : "tcp6-server",
      PORT: String(port),
      NETWORK6: protocol === "udp" ? "fd99:16::/64" : "fd99:32::/64",
      NETWORK: protocol === "udp" ? "10.99.16.0" : "10.99.32.0",
    };
    const own = {
      udp: ["fast-io", "multihome", "connect-freq-initial 1000 10", "sndbuf 2097152", "rcvbuf 2097152"],
      tcp: ["tcp-nodelay", ...(share === undefined ? [] : [`port-share 127.0.0.1 ${share}`])],
    };
    const path = this.write(
      `openvpn-${protocol}.conf`,
      `${byHand("openvpn.conf", words)}${own[protocol].join("\n")}\n`,
    );
    const program = this.start(["openvpn", "--config", path, "--verb", "3"]);
    await program.says(/Initialization Sequence Completed/);
    return program;
  }

  /** The client's file that goes with it. */
  openvpnProfile(remote: string): string {
    return `client
dev tun
nobind
${remote}
persist-key
persist-tun
auth-user-pass login
remote-cert-tls server
verify-x509-name hand.example name
tls-version-min 1.2
data-ciphers AES-256-GCM:CHACHA20-POLY1305
verb 3
<ca>
${this.read("ca.crt")}</ca>
<tls-crypt>
${this.read("tls-crypt.key")}</tls-crypt>
`;
  }
}
