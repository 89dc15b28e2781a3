import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Namespace, PATIENCE_MS, until } from "./namespace.ts";

interface Network {
  /** The router's namespace, and its device towards the client. */
  router: Namespace;
  device: string;
  gateway: string;
  client: Namespace;
  /** The client's address, which it is given again. */
  address: string;
  folder: string;
}

/**
 * A network's own DHCP server hands out a route by option 121 (RFC 3442), and the client's real DHCP client asks it and does
 * with the answer what every DHCP client does: it puts the route into the main table. Gives how to undo it.
 */
export async function routeByDhcp(network: Network, route: string): Promise<() => Promise<void>> {
  const { router, device, gateway, client, address, folder } = network;
  const own = mkdtempSync(join(folder, "dhcp-"));
  const server = router.start([
    ...["dnsmasq", "--keep-in-foreground", "--port=0", "--conf-file=/dev/null", "--leasefile-ro"],
    ...[`--interface=${device}`, "--bind-interfaces", "--except-interface=lo", "--user=root"],
    ...[`--pid-file=${join(own, "pid")}`, `--dhcp-leasefile=${join(own, "leases")}`, "--log-facility=-"],
    ...["--no-ping", "--dhcp-authoritative", `--dhcp-range=${address},${address},255.255.255.128,120`],
    `--dhcp-option=121,${route},${gateway},0.0.0.0/0,${gateway}`,
  ]);
  let said = "";
  server.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const script = join(own, "bound.sh");
  writeFileSync(
    script,
    `#!/bin/sh
[ "$1" = bound ] || exit 0
set -- $staticroutes
while [ $# -ge 2 ]; do
  ip route replace "$1" via "$2" dev "$interface"
  shift 2
done
`,
    { mode: 0o755 },
  );
  try {
    await until(
      () => `dnsmasq (${said})`,
      PATIENCE_MS,
      () => said.includes("DHCP"),
    );
    await client.must([
      "udhcpc",
      "-f",
      "-q",
      "-n",
      "-t",
      "40",
      "-T",
      "1",
      "-i",
      "eth0",
      "-O",
      "staticroutes",
      "-s",
      script,
    ]);
  } finally {
    server.kill("SIGKILL");
    rmSync(own, { recursive: true, force: true });
  }
  return async () => {
    await client.run(["ip", "route", "del", route]);
  };
}
