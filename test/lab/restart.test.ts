import assert from "node:assert/strict";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lab } from "./addresses.ts";
import { letheTables } from "./firewall.ts";
import { hashOfBytes } from "./internet.ts";
import { PATIENCE_MS, signalIfAlive, until } from "./namespace.ts";
import { OpenVpnClient, over } from "./openvpn-client.ts";
import { fetchFrom, seenAddress } from "./probes.ts";
import { labConfig, Provider } from "./provider.ts";
import { curlThrough } from "./proxy-client.ts";
import { skipOrFail } from "./requirements.ts";
import { Scene } from "./scene.ts";
import { Transfer } from "./transfer.ts";

/** How long the download runs at least across the restarts: 60 in `npm run test:lab:long`, shorter in every test run. */
const DOWNLOAD_SECONDS = Number(process.env.LETHE_LAB_DOWNLOAD_SECONDS ?? 16);
const BYTES_PER_SECOND = 2_000_000;

describe("Lethe restarts, crashes and stops", { skip: skipOrFail() }, () => {
  let scene: Scene;
  before(async () => {
    scene = await Scene.open();
  });
  after(() => scene?.close());

  for (const protocol of ["udp", "tcp"] as const) {
    const across =
      protocol === "udp"
        ? "lethe restart, then SIGKILL of the supervisor"
        : "SIGKILL of every process of ours, then lethe restart";
    const seconds = protocol === "udp" ? DOWNLOAD_SECONDS : Math.ceil(DOWNLOAD_SECONDS * 0.75);
    test(`a ${seconds} s download over OpenVPN ${protocol.toUpperCase()} across ${across} ends whole, on one TCP connection`, async (context) => {
      const { world, provider } = scene;
      const { vpn } = await scene.member("anna.lab");
      const client = OpenVpnClient.start(world.client1, world.folder, vpn, ...over(protocol));
      let download: Transfer | undefined;
      try {
        await client.online();
        const mark = client.output.length;
        await world.forget();
        const engines = await provider.engines();
        const started = performance.now();
        const watched = new Transfer(world.client1, undefined, BYTES_PER_SECOND);
        download = watched;
        await until("bytes", PATIENCE_MS, () => watched.bytes > 0);
        const restart = async () => {
          context.diagnostic(`lethe restart: all up after ${Math.round(await provider.restart())} ms`);
        };
        const crash = async () => {
          const others = protocol === "udp" ? [] : await provider.ownProcesses();
          await provider.kill();
          for (const pid of others) signalIfAlive(pid, "SIGKILL");
          await sleep(500);
          context.diagnostic(`after SIGKILL: all up after ${Math.round(await provider.start())} ms`);
        };
        for (const disturb of protocol === "udp" ? [restart, crash] : [crash, restart]) {
          await disturb();
          const up = performance.now();
          await until("a new login", PATIENCE_MS, async () => {
            return (await seenAddress(world.client2, ...curlThrough("socks5", vpn))) === lab.exit.v4;
          });
          context.diagnostic(`a new login over SOCKS5 works ${Math.round(performance.now() - up)} ms later`);
        }
        assert.equal(await watched.ended(0), undefined, "control: the download was still running by then");
        await sleep(Math.max(2000, seconds * 1000 - (performance.now() - started)));
        world.endDownload(watched.mark);
        assert.equal(await watched.ended(PATIENCE_MS), 0, watched.said);
        context.diagnostic(`${watched.bytes} bytes in ${Math.round(performance.now() - started)} ms`);
        assert.ok(
          watched.bytes > ((performance.now() - started) / 1000) * BYTES_PER_SECOND * 0.5,
          "it flowed",
        );
        assert.equal(watched.hash(), hashOfBytes(watched.bytes));
        const requests = (await world.seen()).web.filter(({ path }) => path.includes(watched.mark));
        assert.equal(requests.length, 1, "one request, so one TCP connection");
        assert.equal(requests[0]?.from, lab.exit.v4);
        assert.deepEqual(await provider.engines(), engines, "the same openvpn processes");
        assert.deepEqual(
          client.output
            .slice(mark)
            .filter((line) => /SIGUSR1|Initialization Sequence|Restart pause/.test(line)),
          [],
        );
      } finally {
        await download?.stop();
        await client.stop();
      }
    });
  }

  test("after a crash a credential that was renewed meanwhile is cut off in the adopted session", async () => {
    const { world, provider } = scene;
    const member = await scene.member("hilde.lab");
    const client = OpenVpnClient.start(world.client1, world.folder, member.vpn, ...over("udp"));
    try {
      await client.online();
      const mark = client.output.length;
      await provider.kill();
      await provider.start();
      assert.equal(await seenAddress(world.client1), lab.exit.v4, "control: the session was adopted");
      await provider.mustCommand("account", "renew", member.name);
      await client.line(/AUTH_FAILED|HALT|RESTART|SIGUSR1|SIGTERM/, PATIENCE_MS, mark);
    } finally {
      await client.stop();
    }
  });

  test("a second start on the same data folder is refused in words, and the first goes on", async () => {
    const { provider } = scene;
    const { code, stdout, stderr } = await provider.command("up");
    assert.equal(code, 1);
    assert.match(stderr + stdout, /already running/);
    assert.ok(provider.running && (await provider.ready()));
  });

  test("a wrong lethe.toml names file, line, key and what is allowed, and starts nothing", async () => {
    const folder = mkdtempSync(join(scene.world.folder, "wrong-"));
    const file = join(folder, "lethe.toml");
    writeFileSync(file, labConfig.replace("bandwidth_mbit = 20", 'bandwidth_mbit = "much"'));
    const line = labConfig.split("\n").findIndex((text) => text.startsWith("bandwidth_mbit")) + 1;
    const wrong = new Provider(scene.world);
    const { code, stderr } = await wrong.command("--data", folder, "up");
    assert.equal(code, 1);
    assert.ok(stderr.includes(`${file}:${line}`), stderr);
    assert.match(stderr, /server\.bandwidth_mbit must be a number from 1/);
    assert.ok(!existsSync(join(folder, "office", "lethe.db")));
  });

  test("lethe restart with a secret's file missing is refused in words, and what runs goes on; with the file there it restarts", async () => {
    const { world, provider } = scene;
    const secret = join(provider.data, "mail-password");
    writeFileSync(join(provider.data, "lethe.toml"), `${labConfig}\n[mail]\npassword_file = "${secret}"\n`);
    const { vpn } = await scene.member("anna.lab");
    const through = curlThrough("socks5", vpn);
    const download = new Transfer(world.client2, undefined, BYTES_PER_SECOND / 10, ...through);
    try {
      await until("bytes", PATIENCE_MS, () => download.bytes > 0);
      const [processes, engines] = [await provider.ownProcesses(), await provider.engines()];

      const { code, stdout, stderr } = await provider.command("restart");
      assert.equal(code, 1);
      assert.ok(
        stderr.includes(`mail.password_file: ${secret} cannot be read: it does not exist.`),
        stderr + stdout,
      );

      // A restart that was begun would have ended them by now, or ends the download below.
      assert.deepEqual(await provider.ownProcesses(), processes);
      assert.deepEqual(await provider.engines(), engines);
      const { bytes } = download;
      await until("bytes after it", PATIENCE_MS, () => download.bytes > bytes);
      assert.equal(await seenAddress(world.client2, ...through), lab.exit.v4, "a new login");
      assert.equal((await scene.voucher()).length > 0, true, "the office answers");

      writeFileSync(secret, "correct horse battery staple\n", { mode: 0o600 });
      await provider.restart();
      assert.equal(await seenAddress(world.client2, ...through), lab.exit.v4);
    } finally {
      await download.stop();
      writeFileSync(join(provider.data, "lethe.toml"), labConfig);
    }
  });

  describe("stopping", () => {
    before(async () => {
      await scene.world.exit.must(["nft", "add", "table", "inet", "operators_own"]);
      await scene.world.exit.must(["ip", "tuntap", "add", "operators0", "mode", "tun"]);
    });

    test("SIGTERM ends every process and takes table, devices and routes away; what was there before stays", async () => {
      const { world, provider } = scene;
      const { vpn } = await scene.member("anna.lab");
      const client = OpenVpnClient.start(world.client1, world.folder, vpn, ...over("udp"));
      try {
        await client.online();
        const running = await exitState(scene);
        assert.ok(
          running.tables.length > 1 && running.tunnels.length > 0,
          "control: while it runs they are there",
        );
        const download = new Transfer(world.client1, 1 << 30, BYTES_PER_SECOND);
        try {
          await until("bytes", PATIENCE_MS, () => download.bytes > 0);
          assert.equal(await provider.stop(), 0);
          const { bytes } = download;
          await sleep(1000);
          assert.ok(
            download.bytes - bytes < 200_000,
            "control: a stop, other than a restart, ends members' traffic",
          );
        } finally {
          await download.stop();
        }

        const stopped = await exitState(scene);
        assert.deepEqual(stopped.tables, ["inet operators_own"]);
        assert.deepEqual(stopped.tunnels, []);
        assert.deepEqual(stopped.links, ["eth0", "lan0", "lo", "operators0"]);
        assert.deepEqual(
          stopped.routes,
          [
            `${lab.private.metadata} via ${lab.private.v4} dev lan0`,
            `${lab.private.cgnat} via ${lab.private.v4} dev lan0`,
            `default via ${lab.exit.gateway4} dev eth0`,
          ].sort(),
        );
        assert.deepEqual(stopped.rules, running.rulesBefore);
        assert.deepEqual(stopped.programs, []);
        assert.deepEqual(stopped.sockets, []);
        assert.equal(
          await fetchFrom(world.client2, `http://${lab.exit.v4}:${lab.operatorPort}/ip`),
          lab.client2.v4,
        );
      } finally {
        await client.stop("SIGKILL");
      }
    });

    test("it starts again, and what a crash without a restart left behind is cleared by the next start and stop", async () => {
      const { world, provider } = scene;
      // It has been stopped, if the test before was through.
      await provider.stop();
      await provider.start();
      await provider.kill();
      await provider.start();
      const { vpn } = await scene.member("anna.lab");
      const client = OpenVpnClient.start(world.client1, world.folder, vpn);
      try {
        await client.online();
        assert.equal(await seenAddress(world.client1), lab.exit.v4);
      } finally {
        await client.stop();
      }
      assert.equal(await provider.stop("SIGINT"), 0);
      assert.deepEqual((await exitState(scene)).tables, ["inet operators_own"]);
    });

    test("a port that another program holds is named, and the rest runs", async () => {
      const { world, provider } = scene;
      const holder = world.exit.start([process.execPath, "-e", "require('net').createServer().listen(1080)"]);
      try {
        await until("the port to be held", PATIENCE_MS, async () =>
          (await world.exit.run(["ss", "-Hltn", "sport = :1080"])).stdout.includes("1080"),
        );
        await provider.stop();
        provider.launch();
        const failed = /SOCKS5 +TCP +0\.0\.0\.0:1080 +FAILED: another program has this port/;
        await until("the start to say so", PATIENCE_MS, async () => {
          const { code, stdout } = await provider.command("status");
          return code === 0 && /OpenVPN/.test(stdout) && failed.test(stdout);
        });
        const { vpn } = await scene.member("anna.lab");
        const through = curlThrough("http", vpn);
        await until(
          "the HTTP proxy",
          PATIENCE_MS,
          async () => (await seenAddress(world.client1, ...through)) === lab.exit.v4,
        );
      } finally {
        holder.kill("SIGKILL");
        await provider.stop();
      }
    });
  });
});

/** What a start adds to the exit's machine. */
async function exitState({ world: { exit }, provider }: Scene) {
  const lines = async (...argv: string[]) =>
    (await exit.run(argv)).stdout
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
  const links = (await lines("ip", "-o", "link"))
    .map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? "")
    .sort();
  const rules = await lines("ip", "rule");
  return {
    tables: (await lines("nft", "list", "tables")).map((line) => line.replace(/^table /, "")).sort(),
    ours: await letheTables(exit),
    links,
    tunnels: links.filter((name) => !["lo", "eth0", "lan0", "operators0"].includes(name)),
    routes: (await lines("ip", "route")).filter((line) => !line.includes("proto kernel")).sort(),
    rules,
    rulesBefore: rules.filter((line) => /lookup (local|main|default)$/.test(line)),
    programs: (await Promise.all(["openvpn", "unbound"].map((program) => provider.pidsOf(program)))).flat(),
    sockets: (await lines("ss", "-Hltunp")).filter((line) => !line.includes(`:${lab.operatorPort} `)),
  };
}
