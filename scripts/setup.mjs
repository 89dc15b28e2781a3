#!/usr/bin/env node
/**
 * `npm start`, `npm test`, `npm run lab` and the benchmarks come here first: installs what is missing, says so, and hands over to the
 * Node that the package pins. Runs on Node 18 and needs no package.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installDebianPackages } from "./debian-packages.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Debian packages by what they are needed for. */
const RUN = [
  "openvpn",
  "wireguard-tools",
  "wireguard-go",
  "unbound",
  "nftables",
  "iproute2",
  "dns-root-data",
  "openssl",
  "stunnel4",
  "obfs4proxy",
  "charon-systemd",
  "libcharon-extra-plugins",
  "libstrongswan-standard-plugins",
  "nats-server",
];
const TEST = [
  "bind9-dnsutils",
  "caddy",
  "chromium",
  "curl",
  "dnsmasq-base",
  "libcharon-extauth-plugins",
  "libfaketime",
  "lynx",
  "network-manager",
  "network-manager-openvpn",
  "nginx",
  "openssh-client",
  "pebble",
  "postgresql",
  "procps",
  "python3",
  "systemd",
  "tcpdump",
  "udhcpc",
];
const FLEET = ["postgresql"];
const TUNNELS = ["iperf3", "libcharon-extauth-plugins", "openssh-client", "openssh-server"];
const PEERS = ["luajit", "dante-server", "squid", "microsocks", "tinyproxy"];

const say = (text) => process.stdout.write(`${text}\n`);
const fail = (text) => {
  process.stderr.write(`${text}\n`);
  process.exit(1);
};

/** The npm packages, as the lock file has them; again only when the lock file or the set changed. */
function installNpmPackages(withDevelopment) {
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(lock).digest("hex");
  const stamp = join(root, "node_modules", ".lethe-installed");
  const [digest, set] = existsSync(stamp) ? readFileSync(stamp, "utf8").split(" ") : [];
  if (digest === wanted && (set === "all" || !withDevelopment)) return;
  say(`Installing the npm packages${withDevelopment ? ", those for tests included" : ""} …`);
  const which = withDevelopment ? [] : ["--omit=dev"];
  // Not `npm ci`: it refuses a lock file that lacks an optional package for some other platform, and not every registry has
  // all of those. This takes the locked versions too, holds them against the locked digests, and leaves the lock as it is.
  // No package's install script runs: ssh2's would compile an addon and fetch Node's headers for it, from neither the registry
  // nor Debian, and for the Node that runs npm instead of the one that runs Lethe. None of ours needs its own.
  const args = [
    "install",
    "--ignore-scripts",
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--no-progress",
    "--loglevel=error",
    ...which,
  ];
  const npm = process.env.npm_execpath;
  const [command, ...first] = npm ? [process.execPath, npm] : ["npm"];
  const done = spawnSync(command, [...first, ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (done.status !== 0)
    fail(
      "The npm packages could not be installed (see above). Is the npm registry reachable? Nothing was started.",
    );
  writeFileSync(stamp, `${wanted} ${withDevelopment ? "all" : "run"}`);
}

/**
 * The Node that the sources need: the pinned one, or the host's where this processor has no pinned one. It is linked into
 * `node_modules/.bin`, where `./lethe` and npm's scripts look (some npm versions leave that link out).
 */
function findNode() {
  const link = join(root, "node_modules", ".bin", "node");
  const pinned = join("..", `node-linux-${process.arch}`, "bin", "node");
  if (!existsSync(link)) {
    const hosts = Number(process.versions.node.split(".")[0]) >= 24 ? process.execPath : undefined;
    const found = existsSync(join(dirname(link), pinned)) ? pinned : hosts;
    if (found === undefined)
      fail(
        `Lethe needs Node 24, and has one to install only for x64 and arm64 (this is ${process.arch}). Install Node 24 yourself, then try again.`,
      );
    rmSync(link, { force: true });
    symlinkSync(found, link);
  }
  return link;
}

/** Several times what the longest test takes that has no time limit of its own. */
const TEST_DEADLINE_MS = 15 * 60_000;
/** Several times what the longest stage of the tests takes: a test that hangs is said to, and does not use up whatever waits for it. */
const STAGE_DEADLINE_MS = 30 * 60_000;
/** What a program that has to end is given to say so; the test runner then tells what was running. */
const LAST_WORDS_MS = 20_000;

/**
 * Runs one program on our terminal; Ctrl-C and SIGTERM are its to answer. Resolves with its exit code; with 1 where it was ended
 * after `deadlineMs`.
 */
function run(command, args, env = {}, deadlineMs = undefined) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: process.cwd(),
      stdio: "inherit",
      env: { ...process.env, ...env },
    });
    const pass = (signal) => child.kill(signal);
    let lastWords;
    const deadline =
      deadlineMs &&
      setTimeout(() => {
        say(`Not done after ${(deadlineMs / 60_000).toFixed(0)} minutes: something hangs. Ending it.`);
        child.kill("SIGINT");
        lastWords = setTimeout(() => child.kill("SIGKILL"), LAST_WORDS_MS);
      }, deadlineMs);
    // The terminal sends Ctrl-C to the child as well; SIGTERM comes to us alone.
    const ignore = () => {};
    process.on("SIGINT", ignore);
    process.on("SIGTERM", pass);
    process.on("SIGHUP", pass);
    child.on("error", (error) => fail(`${command}: ${error.message}`));
    child.on("exit", (code, signal) => {
      clearTimeout(deadline);
      clearTimeout(lastWords);
      process.removeListener("SIGINT", ignore);
      process.removeListener("SIGTERM", pass);
      process.removeListener("SIGHUP", pass);
      resolve(signal ? 1 : (code ?? 1));
    });
  });
}

async function runTests(node) {
  const path = { PATH: `${join(root, "node_modules", ".bin")}:${process.env.PATH}` };
  const bin = (name) => join(root, "node_modules", ".bin", name);
  const tests = (concurrency, ...files) => [
    node,
    [
      "--disable-warning=ExperimentalWarning",
      "--test",
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      `--test-timeout=${TEST_DEADLINE_MS}`,
      `--test-concurrency=${concurrency}`,
      ...files,
    ],
  ];
  const folder = mkdtempSync(join(tmpdir(), "lethe-tests-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const ran = join(folder, "ran.txt");
  const noting = ["--test-reporter=./test/lab/manifest-reporter.ts", `--test-reporter-destination=${ran}`];
  const ending = ["--test-reporter=./test/end-failed-files.ts", "--test-reporter-destination=stdout"];
  const stages = [
    ["Types", bin("tsc"), ["--noEmit"]],
    ["Style", bin("biome"), ["check", "--error-on-warnings", "."]],
    ["Rooms: who imports whom", node, ["scripts/check-rooms.mjs"]],
    ["Unused code and packages", bin("knip"), []],
    [
      "Unit tests, on SQLite and PostgreSQL",
      ...tests(
        2,
        ...ending,
        "--test-global-setup=test/postgres.setup.ts",
        "src/**/*.test.ts",
        "test/*.test.ts",
      ),
    ],
    ["An office killed around payments", ...tests(1, ...ending, "test/kills/*.test.ts")],
    ["Pages in a browser", ...tests(2, ...ending, "test/browser/*.test.ts")],
    ["Benchmarks in their short form", ...tests(1, ...ending, "test/bench/*.test.ts")],
    ["Lab: real clients and engines in network namespaces", ...tests(2, ...noting, "test/lab/*.test.ts")],
    // A lab that cannot run here says SKIPPED; in CI it has to.
    ...(process.env.CI === "true"
      ? [["Lab: every test of the manifest ran", node, ["test/lab/manifest.ts", "check", ran]]]
      : []),
  ];
  for (const [title, command, args] of stages) {
    say(`\n── ${title}`);
    const started = Date.now();
    const code = await run(command, args, path, STAGE_DEADLINE_MS);
    if (code !== 0) fail(`\n${title}: failed.`);
    say(`── ${title}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }
}

const mode = process.argv[2];
if (process.platform !== "linux") fail("Lethe runs on Linux (Debian 12 or newer, or Ubuntu).");
process.chdir(root);
installNpmPackages(mode !== "start");
const node = findNode();
const more = process.argv.slice(3);
const program = (path) => run(node, ["--disable-warning=ExperimentalWarning", path, ...more]);
switch (mode) {
  case "start":
    // A demo has no tunnels: the site, the payments and the proxies need openssl alone.
    installDebianPackages(more.includes("--demo") ? ["openssl"] : RUN);
    process.exitCode = await run(join(root, "lethe"), ["up", ...more]);
    break;
  case "test":
    installDebianPackages([...RUN, ...TEST, ...TUNNELS]);
    await runTests(node);
    break;
  case "lab":
    installDebianPackages([...RUN, ...TEST]);
    process.exitCode = await program("test/lab/play.ts");
    break;
  case "bench:proxy":
    installDebianPackages([...RUN, ...PEERS]);
    process.exitCode = await program("bench/proxy/main.ts");
    break;
  case "bench:fleet":
    installDebianPackages([...RUN, ...FLEET]);
    process.exitCode = await program("bench/fleet/main.ts");
    break;
  case "bench:tunnels":
    installDebianPackages([...RUN, ...TUNNELS]);
    process.exitCode = await program("bench/tunnels/main.ts");
    break;
  default:
    fail("usage: setup.mjs start|test|lab|bench:proxy|bench:fleet|bench:tunnels");
}
