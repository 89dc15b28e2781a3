import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { lab } from "../addresses.ts";
import { withoutOurFirewall } from "../firewall.ts";
import { PATIENCE_MS } from "../namespace.ts";
import { OpenVpnClient, over } from "../openvpn-client.ts";
import { fetchFrom, resolve, seenAddress, seenAddressV6 } from "../probes.ts";
import { ports } from "../provider.ts";
import { curlThrough } from "../proxy-client.ts";
import type { Scene } from "../scene.ts";

/** A member gets online through each service, with the exit's address and nobody else's resolver. */
export function onlineCases(scene: () => Scene): void {
  describe("online through each service", () => {
    for (const protocol of ["udp", "tcp"] as const) {
      test(`OpenVPN over ${protocol.toUpperCase()} with the downloaded profile, seen with the exit's address`, async () => {
        const { world } = scene();
        const { vpn } = await scene().member("anna.lab");
        assert.equal(await seenAddress(world.client1), lab.client1.v4, "control: without the tunnel");
        const client = OpenVpnClient.start(world.client1, world.folder, vpn, ...over(protocol));
        try {
          await client.online();
          assert.equal(await seenAddress(world.client1), lab.exit.v4);
        } finally {
          await client.stop();
        }
        assert.equal(await seenAddress(world.client1), lab.client1.v4, "control: after the tunnel");
      });
    }

    for (const kind of ["socks5", "http", "connect"] as const) {
      test(`${kind} proxy, by address and by name, seen with the exit's address`, async () => {
        const { world } = scene();
        const { vpn } = await scene().member("anna.lab");
        const options = curlThrough(kind, vpn);
        assert.equal(await seenAddress(world.client1, ...options), lab.exit.v4);
        assert.equal(await fetchFrom(world.client1, "http://web4.lab.example/ip", ...options), lab.exit.v4);
        const v6 = await seenAddressV6(world.client1, ...options);
        assert.equal(v6, lab.exit.v6);
      });
    }

    test("the site's own name leads to it inside the tunnel: it sees the exit's address; control: by address the member's", async () => {
      const { world } = scene();
      const { vpn } = await scene().member("anna.lab");
      const seenAt = async (host: string) => {
        const answer = await fetchFrom(world.client1, `http://${host}:${ports.site}/checkip/json`);
        const { VPN, IP } = JSON.parse(answer ?? "{}") as { VPN?: boolean; IP?: string };
        return [VPN, IP];
      };
      const client = OpenVpnClient.start(world.client1, world.folder, vpn, ...over("udp"));
      try {
        await client.online();
        assert.deepEqual(await seenAt("exit1.lab.example"), [true, lab.exit.v4]);
        assert.deepEqual(await seenAt(lab.exit.v4), [false, lab.client1.v4]);
      } finally {
        await client.stop();
      }
      assert.deepEqual(await seenAt("exit1.lab.example"), [false, lab.client1.v4], "control: without it");
    });

    test("the HTTP proxy adds no header and passes none of the proxy's on", async () => {
      const { world } = scene();
      const { vpn } = await scene().member("anna.lab");
      await world.forget();
      await fetchFrom(world.client1, `http://${lab.internet.web4}/ip`, ...curlThrough("http", vpn));
      const { web } = await world.seen();
      const names = web[0]?.headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
      assert.deepEqual(
        names?.filter((name) => !["host", "user-agent", "accept", "connection"].includes(name)),
        [],
      );
    });

    test("a browser through the HTTP proxy", async () => {
      const { world, provider } = scene();
      const { vpn } = await scene().member("anna.lab");
      const context = await scene().browser.newContext({
        proxy: {
          server: `http://${lab.exit.v4}:${ports.http}`,
          username: vpn.username,
          password: vpn.password,
        },
      });
      try {
        const page = await context.newPage();
        await page.goto("http://web4.lab.example/page");
        assert.equal(await page.textContent("#ip"), lab.exit.v4);
      } finally {
        await context.close();
      }
      assert.ok(provider.running && world.folder !== "");
    });
  });

  describe("a wrong password is refused cleanly", () => {
    for (const protocol of ["udp", "tcp"] as const) {
      test(`OpenVPN over ${protocol.toUpperCase()} says AUTH_FAILED and ends`, async () => {
        const { world } = scene();
        const { vpn } = await scene().member("anna.lab");
        const login = {
          ...vpn,
          password: `${vpn.password.slice(0, -1)}${vpn.password.endsWith("a") ? "b" : "a"}`,
        };
        const client = OpenVpnClient.start(world.client1, world.folder, login, ...over(protocol));
        try {
          await client.line(/AUTH_FAILED/, PATIENCE_MS);
          assert.notEqual(await client.exitCode(PATIENCE_MS), undefined, "openvpn goes on");
          assert.ok(!client.output.some((line) => line.includes("Initialization Sequence Completed")));
        } finally {
          await client.stop();
        }
      });
    }

    test("SOCKS5: curl says that the login was refused", async () => {
      const { world } = scene();
      const { vpn } = await scene().member("anna.lab");
      const options = curlThrough("socks5", { ...vpn, password: "wrongwrongwrongwrong" });
      const { code, stderr } = await world.client1.run([
        "curl",
        "-sS",
        ...options,
        `http://${lab.internet.web4}/ip`,
      ]);
      assert.equal(code, 97, stderr); // CURLE_PROXY
      assert.match(stderr, /rejected by the SOCKS5 server/);
    });

    test("HTTP: 407, for the absolute form and for CONNECT", async () => {
      const { world } = scene();
      const { vpn } = await scene().member("anna.lab");
      const wrong = { ...vpn, password: "wrongwrongwrongwrong" };
      const url = `http://${lab.internet.web4}/ip`;
      const plain = await world.client1.run([
        ...["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"],
        ...curlThrough("http", wrong),
        url,
      ]);
      assert.equal(plain.stdout, "407");
      const tunnel = await world.client1.run(["curl", "-sS", ...curlThrough("connect", wrong), url]);
      assert.equal(tunnel.code, 56, tunnel.stderr); // CURLE_RECV_ERROR: "CONNECT tunnel failed, response 407"
      assert.match(tunnel.stderr, /407/);
    });

    test("control: the same with the right password works at once afterwards", async () => {
      const { world } = scene();
      const { vpn } = await scene().member("anna.lab");
      for (const kind of ["socks5", "http", "connect"] as const) {
        assert.equal(await seenAddress(world.client1, ...curlThrough(kind, vpn)), lab.exit.v4, kind);
      }
    });
  });

  describe("two devices with one credential", () => {
    const clients: OpenVpnClient[] = [];
    before(async () => {
      const { world } = scene();
      const { vpn } = await scene().member("anna.lab");
      clients.push(OpenVpnClient.start(world.client1, world.folder, vpn, ...over("udp")));
      clients.push(OpenVpnClient.start(world.client2, world.folder, vpn, ...over("tcp")));
      for (const client of clients) await client.online();
    });
    after(async () => {
      for (const client of clients) await client.stop();
    });

    test("are online at once, with addresses of their own, and neither ends the other", async () => {
      const { world } = scene();
      const [first, second] = clients as [OpenVpnClient, OpenVpnClient];
      assert.notEqual(await first.tunnelAddress(world.client1), await second.tunnelAddress(world.client2));
      for (let round = 0; round < 3; round++) {
        assert.equal(await seenAddress(world.client1), lab.exit.v4);
        assert.equal(await seenAddress(world.client2), lab.exit.v4);
      }
      assert.deepEqual(
        clients.map(({ ended }) => ended),
        [false, false],
      );
    });

    test("DNS: our resolver answers, whatever resolver's address is asked, over UDP and TCP", async () => {
      const { world } = scene();
      await world.forget();
      for (const server of [lab.internet.foreignResolver, lab.internet.resolver, lab.internet.web4]) {
        for (const options of [[], ["+tcp"]]) {
          const name = `q${Math.random().toString(36).slice(2)}.any.lab.example`;
          const answer = await resolve(world.client1, name, server, ...options);
          assert.equal(answer, lab.internet.web4, `${server} ${options.join(" ")}`);
        }
      }
      const { dns } = await world.seen();
      assert.ok(dns.length >= 6, "control: the internet's resolver was asked for what is in no cache");
      for (const { server, from } of dns) {
        assert.equal(server, lab.internet.resolver);
        assert.ok(from === lab.exit.v4, `the internet's DNS saw ${from}`);
      }
    });

    test("DNS control: without our table the foreign resolver answers", async () => {
      const { world } = scene();
      const answer = await withoutOurFirewall(world.exit, () =>
        resolve(world.client1, "web4.lab.example", lab.internet.foreignResolver),
      );
      assert.equal(answer, lab.internet.trap);
    });

    test("a name in the client's own resolv.conf is looked up by us too", async () => {
      const { world } = scene();
      assert.equal(await fetchFrom(world.client1, "http://web4.lab.example/ip"), lab.exit.v4);
    });

    test("IPv6: the internet never sees the client's own address while the tunnel is up", async () => {
      const { world } = scene();
      const seen = await seenAddressV6(world.client1);
      assert.notEqual(seen, lab.client1.v6);
      assert.ok(seen === undefined || seen === lab.exit.v6, `seen as ${seen}`);
      assert.equal(await fetchFrom(world.client1, "http://web.lab.example/ip"), lab.exit.v4);
      await clients[0]?.stop();
      assert.equal(
        await seenAddressV6(world.client1),
        lab.client1.v6,
        "control: without the tunnel it is seen",
      );
    });
  });
}
