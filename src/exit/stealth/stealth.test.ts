import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Engines } from "../../lib/engines.ts";
import { findProgram } from "../../lib/run-command.ts";
import { skipFor } from "../../lib/testing.ts";
import { lookUpUser } from "../../lib/unix-users.ts";
import type { ExitStart } from "../messages.ts";
import { Stealth } from "./stealth.ts";

const [vpn, stealth] = [lookUpUser("daemon"), lookUpUser("nobody")];
const lacking = ["stunnel4", "obfs4proxy", "setpriv", "prlimit"].find(
  (name) => findProgram(name) === undefined,
);
const skip = skipFor(
  process.getuid!() !== 0
    ? "needs root"
    : vpn === undefined || stealth === undefined
      ? "there are no users daemon and nobody"
      : lacking && `${lacking} is not installed`,
);

test("stunnel and obfs4proxy run as a user of their own, and as the tunnels' where there is none", {
  skip,
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "lethe-stealth-"));
  try {
    writeFileSync(join(folder, "tls.crt"), "");
    const at = (port: number) => ({ listen: [{ address: "127.0.0.1", port }] });
    const services = {
      openvpn: { listen: [{ protocol: "tcp", address: "127.0.0.1", port: 1194 }], tlsCrypt: "" },
      stealthTls: at(8443),
      stealthObfs4: at(8444),
    } as const;
    const specsFor = (accounts: object) => {
      const start = { accounts, folder, run: { engines: join(folder, "engines") } } as unknown as ExitStart;
      const engines = { configurationPath: (id: string) => join(folder, id) } as unknown as Engines;
      const part = new Stealth({ start, engines });
      part.update(structuredClone(services) as never, false);
      return part.specs();
    };
    for (const [accounts, user] of [
      [
        { vpn, stealth },
        { name: "nobody", ...stealth! },
      ],
      [{ vpn }, { name: "daemon", ...vpn! }],
    ] as const) {
      const [tls, obfs4] = specsFor(accounts);
      assert.match(tls!.configuration ?? "", new RegExp(`^setuid = ${user.name}$`, "m"));
      const words = obfs4!.launcher ?? [];
      assert.equal(words[words.indexOf("--reuid") + 1], String(user.uid));
      assert.equal(words[words.indexOf("--regid") + 1], String(user.gid));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
