/**
 * `npm run lab`: the world of the tests with Lethe on its exit and a member's account, for a person to play in, until
 * Ctrl-C.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lab } from "./addresses.ts";
import { until } from "./namespace.ts";
import { ports } from "./provider.ts";
import { listenOnLoopback } from "./relay.ts";
import { Scene } from "./scene.ts";
import { missingForLab } from "./world.ts";

const missing = missingForLab();
if (missing !== undefined) {
  process.stderr.write(`The lab cannot start: ${missing}.\n`);
  process.exit(1);
}

const ending = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
});
process.stdout.write("Bringing up two clients, an exit with Lethe, an internet and a private host …\n");
const opening = Scene.open();
await Promise.race([opening, ending]);
const scene = await opening;
try {
  await Promise.race([show(scene), ending]);
  await ending;
} finally {
  process.stdout.write("\nTaking the lab down …\n");
  await scene.close();
}
process.exit(0);

async function show({ world, provider }: Scene): Promise<void> {
  const member = await scene.member("you.lab");
  const profile = join(world.folder, "you.ovpn");
  const login = join(world.folder, "you.login");
  writeFileSync(profile, member.vpn.profile, { mode: 0o600 });
  writeFileSync(login, `${member.vpn.username}\n${member.vpn.password}\n`, { mode: 0o600 });
  const socketFile = join(world.folder, "site.sock");
  world.client2.start([
    process.execPath,
    fileURLToPath(new URL("relay.ts", import.meta.url)),
    socketFile,
    lab.exit.v4,
    String(ports.site),
  ]);
  await until("the way to the site", 10_000, () => existsSync(socketFile));
  const { port } = await listenOnLoopback(8088, socketFile);
  const enter = (name: string) => `ip netns exec ${name} bash`;
  const web = `http://${lab.internet.web4}/ip`;
  const proxyLogin = `--proxy-user ${member.vpn.username}:${member.vpn.password}`;
  process.stdout.write(`
The lab is up. ${lab.exit.v4} is the exit, ${lab.client1.v4} client 1, ${lab.client2.v4} client 2.

  The site, in this machine's browser   http://127.0.0.1:${port}/
  An account                            ${member.name}   password: ${member.password}
  A voucher for another one             ./lethe --data ${provider.data} voucher make
  What Lethe runs                       ./lethe --data ${provider.data} status

Enter client 1 (in another terminal, as root), and client 2 in a third:

  ${enter(world.client1.name)}
  ${enter(world.client2.name)}

There, try:

  curl ${web}
      your own address: nothing protects you yet
  openvpn --config ${profile} --auth-user-pass ${login} --daemon --writepid ${login}.pid
      give it five seconds
  curl ${web}
      the exit's address. End it with: kill $(cat ${login}.pid)
  dig +short @${lab.internet.foreignResolver} web4.lab.example
      without the tunnel that resolver lies (${lab.internet.trap}); with it ours answers (${lab.internet.web4})
  curl --proxy socks5h://exit1.lab.example:${ports.socks5} ${proxyLogin} ${web}
  curl --proxy http://exit1.lab.example:${ports.http} ${proxyLogin} ${web}
  curl --max-time 3 http://${lab.private.v4}/ip
      the private host behind the exit: out of reach, with and without the tunnel
  curl -o /dev/null "http://${lab.internet.web4}/bytes?n=1000000000"
      traffic, which the status page shows after the current five minutes

Enter the exit with: ${enter(world.exit.name)}

Ctrl-C takes everything away.
`);
}
