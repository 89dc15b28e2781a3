import { readFileSync } from "node:fs";

const TCP_LISTEN = "0A";

/**
 * Ports on which programs of this machine listen, other people's among them: /proc/net/tcp and its like (proc(5)). A UDP port
 * that the system gives out by itself (from `firstDrawn` on) is somebody's question, no service.
 */
export function listeningPorts(options: { root?: string; firstDrawn?: number } = {}): number[] {
  const { root = "/proc" } = options;
  const firstDrawn =
    options.firstDrawn ?? Number(read(`${root}/sys/net/ipv4/ip_local_port_range`).split(/\s/)[0]);
  const ports = ["tcp", "tcp6", "udp", "udp6"].flatMap((table) =>
    read(`${root}/net/${table}`)
      .split("\n")
      .slice(1)
      .flatMap((line) => {
        // "  0: 0100007F:0CEA 00000000:0000 0A …": number, local, remote, state.
        const [, local = "", remote = "", state] = line.trim().split(/\s+/);
        const port = Number.parseInt(local.split(":")[1] ?? "", 16);
        if (Number.isNaN(port)) return [];
        const listens = table.startsWith("tcp")
          ? state === TCP_LISTEN
          : /^0+:0+$/.test(remote) && !(port >= firstDrawn);
        return listens ? [port] : [];
      }),
  );
  return [...new Set(ports)].sort((a, b) => a - b);
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
