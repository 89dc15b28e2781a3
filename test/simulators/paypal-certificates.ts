import { execFileSync } from "node:child_process";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An authority like the one behind PayPal's certificates: a root, one below it, and what that one issues. */
export interface Authority {
  /** PEM of the root. */
  root: string;
  /** PEM of the one between; PayPal's own files leave it out. */
  between: string;
  issue(options?: LeafOptions): Leaf;
  /** Takes the keys away. */
  close(): void;
}

export interface LeafOptions {
  name?: string;
  /** How long it is good, from now. */
  days?: number;
  /** Where it says that the certificate between can be had. */
  issuerAt?: string;
  /** Issued by itself instead. */
  selfSigned?: boolean;
  /** False: for signed programs instead. */
  forServers?: boolean;
  /** Not the key of all others that were issued. */
  ownKey?: boolean;
}

export interface Leaf {
  pem: string;
  key: KeyObject;
}

/** The name in PayPal's certificate for its live world. */
export const LIVE_NAME = "messageverificationcerts.paypal.com";

export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), "paypal-authority-"));
  let issued = 0;
  const run = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const write = (name: string, lines: string[]) => writeFileSync(join(folder, name), `${lines.join("\n")}\n`);

  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const ca = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];
  const asExtensions = ca.flatMap((line) => ["-addext", line]);
  run(
    "req",
    "-x509",
    ...ec,
    "-keyout",
    "root.key",
    "-out",
    "root.pem",
    "-days",
    "7300",
    "-subj",
    "/CN=Play Root",
    ...asExtensions,
  );
  run("req", "-new", ...ec, "-keyout", "between.key", "-out", "between.csr", "-subj", "/CN=Play Authority");
  write("between.ext", ca);
  const byRoot = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial"];
  run(
    "x509",
    "-req",
    "-in",
    "between.csr",
    ...byRoot,
    "-out",
    "between.pem",
    "-days",
    "7300",
    "-extfile",
    "between.ext",
  );

  return {
    root: read("root.pem"),
    between: read("between.pem"),
    issue({ name = LIVE_NAME, days = 3650, issuerAt, selfSigned, forServers = true, ownKey = false } = {}) {
      issued += 1;
      const [request, out, extensions] = ["csr", "pem", "ext"].map((end) => `${issued}.${end}`) as [
        string,
        string,
        string,
      ];
      const key = ownKey ? `${issued}.key` : "leaf.key";
      // A key of 2,048 bits takes a second of a busy machine.
      if (!existsSync(join(folder, key))) run("genrsa", "-out", key, "2048");
      run("req", "-new", "-key", key, "-out", request, "-subj", `/CN=${name}`);
      write(extensions, [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature,keyEncipherment",
        `extendedKeyUsage=${forServers ? "serverAuth,clientAuth" : "codeSigning"}`,
        `subjectAltName=DNS:${name}`,
        ...(issuerAt === undefined ? [] : [`authorityInfoAccess=caIssuers;URI:${issuerAt}`]),
      ]);
      const by = selfSigned
        ? ["-key", key]
        : ["-CA", "between.pem", "-CAkey", "between.key", "-CAcreateserial"];
      run("x509", "-req", "-in", request, ...by, "-out", out, "-days", String(days), "-extfile", extensions);
      return { pem: read(out), key: createPrivateKey(read(key)) };
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}
