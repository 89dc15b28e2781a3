import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { dataFolder, folder, lethe, up, WITHOUT_ROOT } from "./host-provider.ts";
import { must, Namespace, PATIENCE_MS, run, until, withOwnWireguard } from "./namespace.ts";
import { skipOrFail } from "./requirements.ts";

/** `lethe up` as an operator meets it on the first day: without root, on a bad disk, twice at once. */
describe("a first start", { skip: skipOrFail() }, () => {
  test("without root the site and the proxies run, and the VPN says what it needs", async () => {
    const { data, site } = await dataFolder("without-root");
    const { child, said, ended } = up(data, WITHOUT_ROOT);
    await until(
      () => `the table of services\n${said()}`,
      PATIENCE_MS,
      async () => /OpenVPN/.test(said()),
    );
    assert.match(said(), /SOCKS5 .*ready/);
    assert.match(said(), /HTTP proxy .*ready/);
    assert.match(said(), /OpenVPN .*the VPN needs root \(sudo npm start\)/);
    const page = await fetch(`http://127.0.0.1:${site}/status`);
    assert.equal(page.status, 200);
    child.kill("SIGTERM");
    assert.equal(await ended, 0);
  });

  test("makes a private data folder with keys that nobody else can read", async () => {
    const { data } = await dataFolder("fresh");
    const first = up(data, WITHOUT_ROOT);
    await until("the first start", PATIENCE_MS, async () => /SOCKS5/.test(first.said()));
    first.child.kill("SIGTERM");
    await first.ended;
    assert.equal(statSync(data).mode & 0o777, 0o700);
    const files = readdirSync(join(data, "office"));
    for (const name of ["ca.crt", "ca.key", "lethe.db", "roster.key", "site.secret", "tls-crypt.key"])
      assert.ok(files.includes(name), name);
    for (const name of files.filter((file) => !file.endsWith(".crt")))
      assert.equal(statSync(join(data, "office", name)).mode & 0o077, 0, name);
  });

  test("of two starts at once on one data folder one runs and the other says so", async () => {
    const { data } = await dataFolder("twice");
    const both = [up(data, WITHOUT_ROOT), up(data, WITHOUT_ROOT)];
    const refused = await Promise.race(
      both.map(async (start) => ((await start.ended) === 1 ? start : undefined)),
    );
    assert.ok(refused);
    assert.match(refused.said(), /already running on .*lethe restart/);
    const running = both.find((start) => start !== refused)!;
    await until("the other to be up", PATIENCE_MS, async () => /SOCKS5 .*ready/.test(running.said()));
    running.child.kill("SIGTERM");
    assert.equal(await running.ended, 0);
  });

  test("a second Lethe in the same network says so and stands aside, and takes over when the first ends", async () => {
    const space = new Namespace(`lethe-${process.pid}-1-two`);
    await space.create("127.0.0.1");
    // The office's user has to come through.
    chmodSync(folder, 0o711);
    try {
      const inside = space.inside(withOwnWireguard(join(folder, "two-wireguard"), []));
      const start = async (name: string) => {
        const { data, text } = await dataFolder(name);
        writeFileSync(join(data, "lethe.toml"), `${text}[wireguard]\nport = 0\n[ikev2]\nenabled = false\n`);
        return { data, ...up(data, inside) };
      };
      const facts = () => space.must(["sh", "-c", "ip -o address show; nft list ruleset"]);
      const works = (found: string) => found.includes(" lethe-u0 ") && found.includes("table inet lethe");
      const first = await start("two-first");
      // The start says so by itself, but on a machine that is slow only that the exit is still starting.
      const status = async (
        { data, said }: Awaited<ReturnType<typeof start>>,
        what: RegExp,
      ): Promise<string> => {
        let text = "";
        await until("a start", PATIENCE_MS, async () => {
          text = (await run([lethe, "--data", data, "status"])).stdout;
          return what.test(text);
        }).catch((error: Error) => {
          throw new Error(`${error.message}\n${said()}\n${text}`);
        });
        return text;
      };
      await status(first, /OpenVPN .*ready/);
      const before = await facts();
      assert.ok(works(before));

      const second = await start("two-second");
      const aside = await status(second, /SOCKS5 .*ready[\s\S]*Another exit of Lethe runs/);
      assert.match(aside, /OpenVPN .*FAILED/);
      assert.equal(await facts(), before);

      first.child.kill("SIGTERM");
      assert.equal(await first.ended, 0);
      await until("the second to take over", PATIENCE_MS, async () => works(await facts()));
      second.child.kill("SIGTERM");
      assert.equal(await second.ended, 0);
      assert.doesNotMatch(await facts(), /lethe-/);
    } finally {
      await space.remove();
    }
  });

  test("a data folder that cannot be written is refused in words", async () => {
    const data = join(folder, "read-only");
    mkdirSync(data);
    await must(["mount", "-t", "tmpfs", "-o", "ro", "none", data]);
    try {
      const { said, ended } = up(data);
      assert.equal(await ended, 1);
      assert.match(
        said(),
        /read-only cannot be used: it is on a read-only file system\. --data chooses another/,
      );
    } finally {
      await must(["umount", "--lazy", data]);
    }
    writeFileSync(join(folder, "a-file"), "");
    const { said, ended } = up(join(folder, "a-file"));
    assert.equal(await ended, 1);
    assert.match(said(), /a-file cannot be used: /);
    assert.doesNotMatch(said(), /\n {4}at /);
  });

  test("a full disk is named, and what stood there still stands", async () => {
    const { data, text } = await dataFolder("small");
    await must(["mount", "-t", "tmpfs", "-o", "size=64k", "none", data]);
    try {
      writeFileSync(join(data, "lethe.toml"), text);
      writeFileSync(join(data, "filler"), Buffer.alloc(40_000));
      const { said, ended } = up(data, WITHOUT_ROOT);
      assert.equal(await ended, 1, said());
      assert.match(said(), /disk is full/);
      assert.ok(existsSync(join(data, "lethe.toml")));
      assert.doesNotMatch(said(), /\n {4}at /);
    } finally {
      await must(["umount", "--lazy", data]);
    }
  });

  test("a taken site port is named with its setting", async () => {
    const { data, site } = await dataFolder("taken");
    const holder = createServer().listen(site, "127.0.0.1");
    await new Promise((resolve) => holder.once("listening", resolve));
    const { said, ended } = up(data, WITHOUT_ROOT);
    try {
      assert.equal(await ended, 1);
    } finally {
      holder.close();
    }
    assert.match(
      said(),
      new RegExp(`The site cannot listen on 127.0.0.1:${site}: another program has this port`),
    );
  });

  test("commands on a provider that does not run say so", async () => {
    const data = join(folder, "nothing-here");
    for (const words of [["status"], ["stop"], ["restart"], ["voucher", "make"], ["inventory"]]) {
      const { code, stderr } = await run([lethe, "--data", data, ...words]);
      assert.equal(code, 1, words.join(" "));
      assert.match(stderr, /Lethe is not running on/);
    }
    const { code, stderr } = await run([lethe, "voucher", "make", "--days", "-3"]);
    assert.equal(code, 2);
    assert.match(stderr, /a whole number from 1 to/);
  });

  test("the command works through a link, from another folder", async () => {
    const link = join(folder, "lethe-link");
    await must(["ln", "-s", lethe, link]);
    assert.match(await must([link, "--help"], { cwd: "/" }), /voucher/);
  });
});
