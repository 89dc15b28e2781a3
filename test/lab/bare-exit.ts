import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lab } from "./addresses.ts";
import { must, PATIENCE_MS, until } from "./namespace.ts";
import type { VpnLogin } from "./openvpn-client.ts";
import type { World } from "./world.ts";

/** The tunnel network of the bare exit. */
export const bareTunnel = "10.99.0.0/24";

/**
 * An exit as somebody sets it up from a blog post: openvpn, forwarding and masquerading, and no defence at all. The lab
 * proves its world with it, and every "must not be reachable" is shown to be reachable here, so that a probe that can
 * only say "no" is found out.
 */
export async function startBareExit(world: World): Promise<{ login: VpnLogin; process: ChildProcess }> {
  const folder = mkdtempSync(join(world.folder, "bare-"));
  const file = (name: string) => join(folder, name);
  await must([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=bare",
    "-addext",
    "keyUsage=digitalSignature,keyCertSign",
    "-addext",
    "extendedKeyUsage=serverAuth",
    "-keyout",
    file("key"),
    "-out",
    file("crt"),
  ]);
  await must(["openvpn", "--genkey", "tls-crypt", file("tls-crypt")]);
  writeFileSync(file("check"), '#!/bin/sh\nprintf "member\\nright password\\n" | cmp -s - "$1"\n', {
    mode: 0o700,
  });
  writeFileSync(
    file("server.conf"),
    `dev tun
topology subnet
server 10.99.0.0 255.255.255.0
local ${lab.exit.v4}
port 1194
proto udp
dh none
ca ${file("crt")}
cert ${file("crt")}
key ${file("key")}
tls-crypt ${file("tls-crypt")}
verify-client-cert none
username-as-common-name
duplicate-cn
client-to-client
script-security 2
auth-user-pass-verify ${file("check")} via-file
data-ciphers AES-256-GCM
keepalive 10 60
push "redirect-gateway def1"
verb 3
`,
  );
  await world.exit.must(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
  await world.exit.must(["nft", "-f", "-"], {
    input: `table ip bare { chain postrouting { type nat hook postrouting priority srcnat; oifname "eth0" ip saddr ${bareTunnel} masquerade; }; }\n`,
  });
  const process = world.exit.start(["openvpn", "--config", file("server.conf")]);
  let said = "";
  for (const stream of [process.stdout, process.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  await until("the bare exit's openvpn", PATIENCE_MS, () => {
    if (process.exitCode !== null) throw new Error(`the bare exit's openvpn ended:\n${said}`);
    return said.includes("Initialization Sequence Completed");
  });
  const inline = (tag: string, name: string) => `<${tag}>\n${readFileSync(file(name), "utf8")}</${tag}>\n`;
  const profile = `client
dev tun
proto udp
remote ${lab.exit.v4} 1194
nobind
remote-cert-tls server
data-ciphers AES-256-GCM
${inline("ca", "crt")}${inline("tls-crypt", "tls-crypt")}`;
  return { login: { profile, username: "member", password: "right password" }, process };
}
