import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkPair, type GoodPair } from "../../certificates/pair.ts";
import { certificateRequestFor, newKeyPem } from "../../certificates/request.ts";
import { renewAt } from "../../certificates/schedule.ts";
import { writeFileAtomic } from "../../lib/atomic-file.ts";

/**
 * The exit's public certificate: `public.key`, made here, 0600, which never leaves the folder, and `public.crt`, the chain that
 * an ACME authority made for it. The key stays with each renewal, so that one file changes and the two always fit.
 */
export const PUBLIC_KEY = "public.key";
export const PUBLIC_CERTIFICATE = "public.crt";
/** Two would do: the leaf and its issuer. */
const CHAIN_MOST = 6;

/** How it stands, for the office. */
export interface Standing {
  /** PKCS #10, PEM: where there is none that is good for this name and for longer. */
  request?: string;
  /** UTC seconds, of the one that is there. */
  until?: number;
}

/** Throws the file system's error where the key cannot be made. */
export function standingOf(folder: string, name: string, nowMs: number): Standing {
  const pair = goodPair(folder, name, nowMs);
  const until = pair && { until: Math.floor(pair.notAfterMs / 1000) };
  if (pair !== undefined && nowMs < renewAt(pair, () => chanceOf(pair))) return { ...until };
  let key = read(folder, PUBLIC_KEY);
  if (key === undefined) {
    key = newKeyPem();
    writeFileAtomic(join(folder, PUBLIC_KEY), key);
  }
  return { request: certificateRequestFor(name, key), ...until };
}

/**
 * Puts a certificate that came over the link into the folder. Throws where it is not for our key and this name, is over, or
 * would end before the one that is there: that one stays.
 */
export function installPublicCertificate(
  folder: string,
  name: string,
  certificate: string,
  nowMs: number,
): void {
  const blocks = certificate.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > CHAIN_MOST) throw new Error("the chain is too long");
  // Written anew from what was parsed: nothing but certificates goes into the file.
  const chain = blocks.map((block) => new X509Certificate(block).toString().trim()).join("\n");
  const checked = checkPair({ certificate: chain, key: read(folder, PUBLIC_KEY) ?? "" }, [name], nowMs);
  if (!checked.ok) throw new Error(`the certificate is no good: ${checked.error}`);
  const standing = goodPair(folder, name, nowMs);
  if (standing !== undefined && standing.notAfterMs > checked.value.notAfterMs)
    throw new Error("the certificate ends before the one that is there");
  writeFileAtomic(join(folder, PUBLIC_CERTIFICATE), `${chain}\n`, 0o644);
}

/** The exit's own, where it is good for this name now. */
export function goodPair(folder: string, name: string, nowMs: number): GoodPair | undefined {
  const [certificate, key] = [read(folder, PUBLIC_CERTIFICATE), read(folder, PUBLIC_KEY)];
  if (certificate === undefined || key === undefined) return undefined;
  const checked = checkPair({ certificate, key }, [name], nowMs);
  return checked.ok ? checked.value : undefined;
}

function read(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch {
    return undefined;
  }
}

/** The same for one certificate at every look, and another on every exit. */
const chanceOf = ({ certificate }: GoodPair): number =>
  createHash("sha256").update(certificate).digest()[0]! / 256;
