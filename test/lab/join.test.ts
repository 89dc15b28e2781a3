import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CAPABILITIES, WRITABLE } from "../../src/exit/remote/unit.ts";
import type { Health } from "../../src/link/reports.ts";
import { Machine } from "./machine.ts";
import { must, type Output, PATIENCE_MS, removeLeftovers, run, until } from "./namespace.ts";
import { skipOrFail } from "./requirements.ts";

/** A machine becomes a server by the pasted line, in a world where everything but its office is real (join-office.ts). */
const skip = skipOrFail();
const PORT = 8080;
const office = `http://127.0.0.1:${PORT}`;
let folder = "";
let machine: Machine;
let line = "";
let code = "";
let pasted: { said: () => string; ended: Promise<number | null> } | undefined;

const inside = (script: string, options: { timeoutMs?: number; input?: string } = {}): Promise<Output> =>
  run(machine.inside(["sh", "-c", script]), { timeoutMs: 2 * PATIENCE_MS, ...options });
const ask = async (path: string): Promise<{ health?: Health }> =>
  JSON.parse(await must(machine.inside(["curl", "-fsS", `${office}/test/${path}`])));
const state = async (): Promise<string> =>
  (await inside("ls -A /opt/lethe-exit /etc/lethe-exit 2>/dev/null")).stdout;
const release = async (): Promise<string> => (await inside("readlink /opt/lethe-exit/current")).stdout.trim();

/** Runs something that goes on, on the machine. */
function begin(argv: readonly string[], input = ""): { said: () => string; ended: Promise<number | null> } {
  const [file = "", ...rest] = machine.inside(argv);
  const child = spawn(file, rest, { stdio: ["pipe", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  child.stdin.end(input);
  return { said: () => text, ended: new Promise((resolve) => child.once("exit", resolve)) };
}

before(async () => {
  if (skip !== false) return;
  await removeLeftovers();
  folder = mkdtempSync(join(tmpdir(), `lethe-${process.pid}-1-`));
  machine = new Machine(`lethe-${process.pid}-1-join`, join(folder, "disk"));
  await machine.create("127.0.0.1");
  await machine.boot();
  // Programs of the machine's own: what the script changes there stays there.
  await must(
    machine.inside([
      "sh",
      "-ec",
      "ip link set lo up; mkdir -p /run/over/up /run/over/work; mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=/run/over/up,workdir=/run/over/work /usr/sbin",
    ]),
  );
  const double = begin([
    process.execPath,
    "--no-warnings",
    fileURLToPath(new URL("join-office.ts", import.meta.url)),
    String(PORT),
  ]);
  await until("the office", PATIENCE_MS, () => double.said().includes("\n"));
  ({ line, code } = JSON.parse(double.said()) as { line: string; code: string });
});
after(async () => {
  if (skip !== false) return;
  await machine?.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("what stands in the way is said in plain words, and nothing is changed", {
  skip,
  timeout: 600_000,
}, async () => {
  const script = /http\S+\.sh/.exec(line)![0];
  await must(machine.inside(["curl", "-fsS", "-o", "/run/join.sh", script]));
  const paste = (how: string, input = code) =>
    inside(how.replace("JOIN", "sh /run/join.sh"), { input: `${input}\n` });
  const cases: [string, RegExp, string?][] = [
    ["setpriv --reuid=65534 --regid=65534 --clear-groups JOIN", /Only root can make this machine a server/],
    [
      "unshare -m sh -c 'printf ID=fedora > /run/os; mount --bind /run/os /etc/os-release; JOIN'",
      /neither Debian nor Ubuntu/,
    ],
    ["setarch i686 JOIN", /processor is i686: this office serves the runtime for x86_64/],
    ["JOIN", /join code is damaged/, "London 1"],
    ["JOIN < /dev/null", /No join code came/],
  ];
  for (const [how, words, input] of cases) {
    const { code: status, stderr } = await paste(how, input);
    assert.equal(status, 1, stderr);
    assert.match(stderr, words);
  }
  await ask("tamper/on");
  assert.match(
    (await paste("JOIN")).stderr,
    /is not what the line promises \(its hash differs\): nothing was installed/,
  );
  await ask("tamper/off");
  const elsewhere = "sed 's/:8080/:9/' /run/join.sh > /run/elsewhere.sh; sh /run/elsewhere.sh";
  assert.match((await paste(elsewhere)).stderr, /The office does not answer at http:\/\/127.0.0.1:9/);
  const damaged = await inside(line.replace(/[0-9a-f]{64}(?= {2})/, "0".repeat(64)));
  assert.match(damaged.stdout + damaged.stderr, /FAILED/);
  assert.equal(await state(), "");
});

test("packages come without a daemon starting, and the policy of the operator's stays as it was", {
  skip,
  timeout: 600_000,
}, async () => {
  // Debian's tools, for a machine that lacks unbound: what they see of the policy is written down.
  const doubles = `
    mkdir -p /run/doubles
    printf '#!/bin/sh\\nfor last; do :; done\\n[ "$last" = unbound ] && [ ! -e /run/doubles/done ] && exit 1\\necho "install ok installed"\\n' > /run/doubles/dpkg-query
    printf '#!/bin/sh\\ncase "$*" in "-qq update") echo "$*" ;; *install*) cat /usr/sbin/policy-rc.d; echo "$*"; [ -n "$KILLED" ] && kill -KILL $PPID; touch /run/doubles/done ;; esac >> /run/doubles/seen\\n' > /run/doubles/apt-get
    chmod 755 /run/doubles/*
    mount --bind /run/doubles/dpkg-query /usr/bin/dpkg-query
    mount --bind /run/doubles/apt-get /usr/bin/apt-get
    printf '#!/bin/sh\\nexit 7\\n' > /usr/sbin/policy-rc.d; chmod 700 /usr/sbin/policy-rc.d`;
  const paste = "sh /run/join.sh > /run/said 2>&1";
  const look =
    "stat -c %a /usr/sbin/policy-rc.d; cat /usr/sbin/policy-rc.d; ls /usr/sbin/policy-rc.d.before-lethe 2>&1 | grep -c cannot";
  await ask("refuse/expired");
  const input = `${code}\n`;
  const { stdout } = await inside(
    `unshare -m sh -c '${doubles.replaceAll("'", `'\\''`)}
    ${paste}; cat /run/doubles/seen; ${look}'`,
    { input },
  );
  assert.match(
    stdout,
    /^-qq update\n#!\/bin\/sh\n# of Lethe, while it installs packages\nexit 101\n-o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends install unbound\n/,
  );
  assert.match(stdout, /\n700\n#!\/bin\/sh\nexit 7\n1\n$/);
  // Killed in the middle, and pasted again.
  const again = await inside(
    `unshare -m sh -c '${doubles.replaceAll("'", `'\\''`)}
    rm -f /run/doubles/done /run/doubles/seen; KILLED=1 ${paste}; cat /usr/sbin/policy-rc.d; printf "%s\\n" ${code} | ${paste}; ${look}'`,
    { input },
  );
  assert.equal(
    again.stdout,
    "#!/bin/sh\n# of Lethe, while it installs packages\nexit 101\n700\n#!/bin/sh\nexit 7\n1\n",
  );
  assert.match((await inside("cat /run/said")).stdout, /older than 30 minutes. Make a new one/);
  await inside("rm -rf /opt/lethe-exit /etc/lethe-exit; rm -f /usr/sbin/policy-rc.d");
});

test("a token that is used, or the office's refusal, is said; the pasted line then makes a server, its token in no argument", {
  skip,
  timeout: 600_000,
}, async () => {
  for (const [reason, words] of [
    ["used", /used already/],
    ["unknown", /does not know this line's token/],
    ["slow-down", /too often/],
  ] as const) {
    await ask(`refuse/${reason}`);
    assert.match((await inside(line)).stderr, words);
  }
  await ask("refuse/no");
  const token = code.split(".")[2]!;
  // The watcher has the token from a file, lest it find itself.
  writeFileSync(join(machine.disk, "opt", "token"), token);
  const watch = begin([
    "sh",
    "-c",
    "while [ -e /opt/token ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2> /dev/null | tr '\\0' '\\n' | grep -qFf /opt/token && echo found; sleep 0.05; done",
  ]);
  writeFileSync(join(machine.disk, "opt", "line"), line);
  pasted = begin(["sh", "/opt/line"]);
  await until("the exit's health", 2 * PATIENCE_MS, async () => (await ask("health")).health !== undefined);
  const { health } = await ask("health");
  assert.deepEqual(
    Object.fromEntries(health!.services.map(({ service, healthy }) => [service, healthy])),
    { socks5: true, http: true, openvpn: true, dns: true },
    pasted.said(),
  );
  assert.match(pasted.said(), /systemd does not run here: london1 runs in the foreground/);
  assert.equal((await release()).slice("releases/".length), health!.release);
  assert.equal(watch.said(), "");
  await inside("rm /opt/token /opt/line");
  // Its secrets are root's alone.
  assert.equal(
    (await inside("stat -c '%a %U %n' /etc/lethe-exit /etc/lethe-exit/link.seed /etc/lethe-exit/tls.key"))
      .stdout,
    "700 root /etc/lethe-exit\n600 root /etc/lethe-exit/link.seed\n600 root /etc/lethe-exit/tls.key\n",
  );
});

test("another office's line is refused; the same line again brings the program up to date", {
  skip,
  timeout: 600_000,
}, async () => {
  const foreign =
    "sed 's/^site_tag=.*/site_tag=00000000/' /run/join.sh > /run/foreign.sh; sh /run/foreign.sh";
  const input = `${code}\n`;
  assert.match((await inside(foreign, { input })).stderr, /joined to another office already, as london1/);
  const other = await inside("sh /run/join.sh", { input: code.replace("london1", "paris1") });
  assert.match(other.stderr, /joined to this office already, as london1/);
  // The launcher is replaced by a word: two exits on one machine are no case of this test.
  const again = await inside(
    "sed 's/^  exec .*foreground$/  exit 0/' /run/join.sh > /run/again.sh; sh /run/again.sh",
    { input },
  );
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /this machine is london1 already/);
});

test("a new release takes over, sessions' engines and all; one that does not start is taken back and not tried again", {
  skip,
  timeout: 600_000,
}, async () => {
  // Not the exit's tests of itself, which come and go each minute.
  const engine = /^\/usr\/sbin\/(openvpn --config (?!stdin)|unbound)/;
  const engines = async () => (await machine.pidsMatching(engine)).sort().join();
  const [first, running] = [await release(), await engines()];
  assert.match(running, /^\d+,\d+$/);
  await ask("upgrade/good");
  await until("the upgrade", 2 * PATIENCE_MS, () => pasted!.said().includes("upgrade-done"));
  const second = await release();
  assert.notEqual(second, first);
  assert.equal(await engines(), running);

  await ask("upgrade/bad");
  await until(
    "the roll-back",
    PATIENCE_MS,
    async () => (await inside("cat /opt/lethe-exit/failed")).stdout !== "",
  );
  await until(
    "the former release",
    PATIENCE_MS,
    async () => (await ask("health")).health?.upgrade === "failed",
  );
  assert.equal(await release(), second);
  assert.equal(await engines(), running);
  assert.equal((await inside("ls /opt/lethe-exit/trial")).code, 2);
});

test("the exit works with the capabilities and on the read-only system that its unit leaves it", {
  skip,
  timeout: 600_000,
}, async () => {
  await inside("kill -TERM $(cat /run/lethe-exit/pid)");
  assert.equal(await pasted!.ended, 0);
  const few = CAPABILITIES.map((name) => `+${name.slice("CAP_".length).toLowerCase()}`).join();
  const writable = WRITABLE.map((path) => `[ ! -d ${path} ] || mount --bind ${path} ${path}`).join("\n");
  const shut = `set -e
    mount --make-rprivate /
    ${writable}
    mount -t tmpfs none /tmp; mount -t tmpfs none /var/tmp
    for place in / /etc /opt /run /usr/sbin; do
      mountpoint -q $place || mount --bind $place $place
      mount -o remount,bind,ro $place
    done
    ! touch /usr/touched /etc/touched /opt/touched /run/touched /var/touched 2> /dev/null
    exec setpriv --bounding-set=-all,${few} --inh-caps=-all --no-new-privs /opt/lethe-exit/start`;
  const before = (await ask("health")).health!.minute;
  const exit = begin(["unshare", "--mount", "sh", "-c", shut]);
  await until("health from the shut exit", 300_000, async () => {
    assert.doesNotMatch(exit.said(), /(?:cannot|failed|Read-only)/);
    return (await ask("health")).health!.minute > before;
  });
  const { health } = await ask("health");
  assert.ok(health!.services.length === 4 && health!.services.every(({ healthy }) => healthy), exit.said());
  await inside("kill -TERM $(cat /run/lethe-exit/pid)");
  assert.equal(await exit.ended, 0);
  assert.equal((await inside("nft list tables; ip -o link | grep -c lethe-")).stdout, "0\n");
});

test("leaving takes the exit away: keys, code, users' folders, firewall", {
  skip,
  timeout: 600_000,
}, async () => {
  // Started once more, so that there is something to end.
  const exit = begin(["/opt/lethe-exit/start", "foreground"]);
  await until("the exit", PATIENCE_MS, () => exit.said().includes("engine-started part=openvpn"));
  const left = await inside("/opt/lethe-exit/start leave");
  assert.equal(left.code, 0, left.stderr);
  assert.match(left.stdout, /The exit is gone from this machine/);
  assert.equal(await state(), "");
  assert.equal(
    (await inside("nft list tables; ls -d /run/lethe-exit /opt/lethe-exit /etc/lethe-exit 2> /dev/null"))
      .stdout,
    "",
  );
  const ours = /lethe-exit|\/usr\/sbin\/(openvpn|unbound)/;
  await until(
    "its processes to go",
    PATIENCE_MS,
    async () => (await machine.pidsMatching(ours)).length === 0,
  );
});
