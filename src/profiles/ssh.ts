/** An SSH server as a member's client meets it. */
export interface SshPlace {
  /** The server's short name, `london1`. */
  name: string;
  /** Host name or address. */
  host: string;
  port: number;
  /** Its public host keys as OpenSSH writes them, `ssh-ed25519 AAAA…`. */
  keys: readonly string[];
}

interface SshInput {
  places: readonly SshPlace[];
  /** The VPN username; undefined: to be given with `ssh -l`. */
  username?: string | undefined;
  /** A file with the host keys for programs that cannot have them from this file; see `sshKnownHosts`. */
  knownHosts?: string | undefined;
}

/** Where programs find the SOCKS proxy that ssh opens on the member's own device. */
const SSH_SOCKS_PORT = 1080;

/** What a server is called in the file: `ssh vpn-london1`. */
export const sshAlias = (name: string): string => `vpn-${name}`;

/**
 * Stanzas for `ssh -N -F FILE vpn-london1` or the end of ~/.ssh/config (ssh_config(5), OpenSSH 8.5 and newer; with `knownHosts` 8.1,
 * as Windows 10 has it; from 8.7 on also without -N): a SOCKS proxy on the member's device, no shell, no agent. The server's keys
 * stand in the file, so that nobody is asked to believe one: echo says them to ssh, which takes keys from a command's output as from a known_hosts file. Throws RangeError where a value could
 * break out of its line.
 */
export function sshConfig({ places, username, knownHosts }: SshInput): string {
  const stanzas = places.map((place) => {
    const { name, host, port, keys } = checked(place);
    const alias = sshAlias(name);
    const [first = ""] = keys;
    return [
      `Host ${alias}`,
      `  HostName ${host}`,
      `  Port ${port}`,
      ...(username === undefined ? [] : [`  User ${word(username)}`]),
      `  DynamicForward 127.0.0.1:${SSH_SOCKS_PORT}`,
      "  ExitOnForwardFailure yes",
      "  IgnoreUnknown SessionType",
      "  SessionType none",
      "  RequestTTY no",
      // Half as fast again as what OpenSSH prefers.
      "  Ciphers ^aes256-gcm@openssh.com,aes128-gcm@openssh.com",
      "  ServerAliveInterval 15",
      "  ServerAliveCountMax 3",
      "  PreferredAuthentications keyboard-interactive,password",
      "  PubkeyAuthentication no",
      "  ForwardAgent no",
      "  ForwardX11 no",
      "  ControlMaster no",
      `  HostKeyAlias ${alias}`,
      "  StrictHostKeyChecking yes",
      ...(knownHosts === undefined
        ? [
            `  HostKeyAlgorithms ${algorithms(first)}`,
            "  GlobalKnownHostsFile none",
            "  UserKnownHostsFile none",
            `  KnownHostsCommand /bin/echo ${alias} ${first}`,
          ]
        : [`  UserKnownHostsFile ${path(knownHosts)}`]),
    ].join("\n");
  });
  if (stanzas.length === 0) throw new RangeError("sshConfig: no server");
  return `# ssh -N -F this-file ${sshAlias(places[0]!.name)}${username === undefined ? " -l VPN-USERNAME" : ""}  asks for the VPN password, and waits.
# As long as it runs, 127.0.0.1:${SSH_SOCKS_PORT} is a SOCKS5 proxy of your own, encrypted as far as the server.
${stanzas.join("\n\n")}
`;
}

/** The same servers' keys as a known_hosts file (sshd(8)). */
export const sshKnownHosts = (places: readonly SshPlace[]): string =>
  places
    .map(checked)
    .flatMap(({ name, keys }) => keys.map((key) => `${sshAlias(name)} ${key}\n`))
    .join("");

/** Those that go with a key: an RSA key signs with SHA-2 (RFC 8332). */
const algorithms = (key: string): string =>
  key.startsWith("ssh-rsa ") ? "rsa-sha2-512,rsa-sha2-256" : key.split(" ")[0]!;

function checked(place: SshPlace): SshPlace {
  word(place.name);
  word(place.host);
  if (!Number.isInteger(place.port) || place.port < 1 || place.port > 65_535)
    throw new RangeError("sshConfig: not a port");
  if (place.keys.length === 0) throw new RangeError("sshConfig: no host key");
  // ssh takes a percent sign in the command for a value of its own; base64 has none.
  for (const key of place.keys)
    if (!/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp256) [A-Za-z0-9+/]{20,2000}={0,2}$/.test(key))
      throw new RangeError("sshConfig: not a host key");
  return place;
}

function word(text: string): string {
  if (!/^[A-Za-z0-9._:-]{1,253}$/.test(text)) throw new RangeError("sshConfig: not a name or an address");
  return text;
}

function path(text: string): string {
  if (!/^[A-Za-z0-9._~/-]{1,200}$/.test(text)) throw new RangeError("sshConfig: not a path");
  return text;
}
