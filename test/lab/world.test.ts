import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { lab } from "./addresses.ts";
import { startBareExit } from "./bare-exit.ts";
import { startChromium } from "./browser.ts";
import { startCapture } from "./capture.ts";
import { hashOfBytes } from "./internet.ts";
import { must, Namespace, PATIENCE_MS, removeLeftovers, run } from "./namespace.ts";
import { OpenVpnClient, type VpnLogin } from "./openvpn-client.ts";
import { fetchFrom, greeting, resolve, seenAddress, seenAddressV6 } from "./probes.ts";
import { skipOrFail } from "./requirements.ts";
import { World } from "./world.ts";

describe("the lab's world, proven on an exit without any defence", { skip: skipOrFail() }, () => {
  let world: World;
  before(async () => {
    world = await World.open();
  });
  after(async () => {
    await world?.close();
  });

  test("without a tunnel the internet sees each client's own address, over IPv4 and IPv6", async () => {
    assert.equal(await seenAddress(world.client1), lab.client1.v4);
    assert.equal(await seenAddress(world.client2), lab.client2.v4);
    assert.equal(await seenAddressV6(world.client1), lab.client1.v6);
  });

  test("the private host answers the exit and cannot be reached from outside", async () => {
    for (const address of [lab.private.v4, `[${lab.private.v6}]`, lab.private.metadata, lab.private.cgnat]) {
      assert.ok(await fetchFrom(world.exit, `http://${address}/ip`), address);
      assert.equal(
        await fetchFrom(world.client1, `http://${address}/ip`, "--max-time", "1"),
        undefined,
        address,
      );
    }
  });

  test("each resolver gives its own answer and remembers who asked", async () => {
    await world.forget();
    assert.equal(
      await resolve(world.client1, "web4.lab.example", lab.internet.foreignResolver),
      lab.internet.trap,
    );
    assert.equal(await resolve(world.client1, "web4.lab.example", lab.internet.resolver), lab.internet.web4);
    assert.equal(
      await resolve(world.client2, "web4.lab.example", lab.internet.resolver, "+tcp"),
      lab.internet.web4,
    );
    const { dns } = await world.seen();
    const asked = dns.map(({ server, from }) => `${server} ${from}`);
    // dig asks again where the answer is slow.
    assert.deepEqual(
      asked.filter((each, index) => each !== asked[index - 1]),
      [
        `${lab.internet.foreignResolver} ${lab.client1.v4}`,
        `${lab.internet.resolver} ${lab.client1.v4}`,
        `${lab.internet.resolver} ${lab.client2.v4}`,
      ],
    );
  });

  test("a download is the bytes whose hash is known, and comes no faster than asked for", async () => {
    const count = 3_000_001;
    const file = `${world.folder}/download`;
    const started = performance.now();
    await world.client1.must([
      "curl",
      "-sS",
      "-o",
      file,
      `http://${lab.internet.web4}/bytes?n=${count}&rate=3000000`,
    ]);
    const tookMs = performance.now() - started;
    assert.equal(createHash("sha256").update(readFileSync(file)).digest("hex"), hashOfBytes(count));
    assert.ok(tookMs > 900, `${tookMs} ms`);
  });

  test("Chromium runs inside a client and sees what the client sees", async () => {
    const browser = await startChromium(world.client2, world.folder);
    try {
      const page = await browser.newPage();
      await page.goto(`http://${lab.internet.web4}/page`);
      assert.equal(await page.textContent("#ip"), lab.client2.v4);
    } finally {
      await browser.close();
    }
  });

  describe("with a bare OpenVPN exit", () => {
    let login: VpnLogin;
    const clients: OpenVpnClient[] = [];
    before(async () => {
      ({ login } = await startBareExit(world));
      for (const namespace of [world.client1, world.client2]) {
        const client = OpenVpnClient.start(namespace, world.folder, login);
        clients.push(client);
        await client.online();
      }
    });
    after(async () => {
      for (const client of clients) await client.stop();
    });

    test("clients are online with the exit's address", async () => {
      assert.equal(await seenAddress(world.client1), lab.exit.v4);
      assert.equal(await seenAddress(world.client2), lab.exit.v4);
    });

    test("a wrong password ends in AUTH_FAILED", async () => {
      const stranger = OpenVpnClient.start(world.client1, world.folder, { ...login, password: "wrong" });
      try {
        await stranger.line(/AUTH_FAILED/, PATIENCE_MS);
        assert.notEqual(await stranger.exitCode(PATIENCE_MS), undefined);
      } finally {
        await stranger.stop();
      }
    });

    test("every probe finds the leak it looks for", async () => {
      const [first, second] = clients as [OpenVpnClient, OpenVpnClient];
      assert.equal(
        await fetchFrom(world.client1, `http://${lab.private.v4}/ip`),
        await first.tunnelAddress(world.client1),
      );
      assert.ok(await fetchFrom(world.client1, `http://${lab.private.metadata}/ip`));
      const neighbour = await second.tunnelAddress(world.client2);
      assert.ok(await fetchFrom(world.client1, `http://${neighbour}:${lab.clientPort}/ip`));
      assert.ok(await fetchFrom(world.client1, `http://${lab.private.router4}:${lab.operatorPort}/ip`));
      assert.ok(await fetchFrom(world.client1, `http://10.99.0.1:${lab.operatorPort}/ip`));
      assert.equal(
        await resolve(world.client1, "web4.lab.example", lab.internet.foreignResolver),
        lab.internet.trap,
      );
      assert.equal(await greeting(world.client1, lab.internet.web4, 25), "220 mail.lab.example");
      assert.equal(await seenAddress(world.client1, "--interface", "tun0"), lab.exit.v4);
      assert.equal(await seenAddressV6(world.client1), lab.client1.v6);
      assert.ok(await fetchFrom(world.client1, `http://${lab.internet.closed}/ip`));
      assert.ok(await fetchFrom(world.client1, `http://${lab.internet.denied}/ip`));
    });

    test("a capture on the uplink sees a tunnel address as soon as nobody masquerades it", async () => {
      const address = await clients[0]!.tunnelAddress(world.client1);
      const capture = await startCapture(world.exit, "eth0", `host ${address}`);
      await seenAddress(world.client1);
      try {
        assert.deepEqual(capture.packets(), []);
        await world.exit.must(["nft", "delete", "table", "ip", "bare"]);
        await seenAddress(world.client1, "--max-time", "2");
        assert.notDeepEqual(await capture.stop(), []);
      } finally {
        await capture.stop();
      }
    });
  });
});

test("namespaces of a dead lab run are cleared away, those of a living one and of others stay", {
  skip: skipOrFail(),
}, async () => {
  const dead = new Namespace(`lethe-${(await deadPid()).toString()}-1-exit`);
  const living = new Namespace(`lethe-${process.pid}-99-exit`);
  const foreign = new Namespace(`lethe-other-${process.pid}`);
  try {
    for (const namespace of [dead, living, foreign]) await namespace.create("127.0.0.1");
    const left = dead.start(["sleep", "600"]);
    // Beside it, those of another run that was killed on this machine.
    // Another file that begins at this time may be faster.
    const removed = await removeLeftovers();
    assert.ok(!removed.includes(living.name) && !removed.includes(foreign.name));
    assert.ok(
      left.signalCode !== null ||
        left.exitCode !== null ||
        (await new Promise((resolve) => left.once("exit", resolve))) !== undefined,
    );
    const names = (await must(["ip", "netns", "list"])).split("\n").map((line) => line.split(" ")[0]);
    assert.ok(!names.includes(dead.name) && names.includes(living.name) && names.includes(foreign.name));
  } finally {
    for (const namespace of [dead, living, foreign]) await namespace.remove();
  }
});

async function deadPid(): Promise<number> {
  return Number((await run(["sh", "-c", "echo $$"])).stdout);
}
