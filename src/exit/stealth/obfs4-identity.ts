import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../lib/atomic-file.ts";

/**
 * Who an exit is to obfs4: a node's id and an X25519 key pair (obfs4-spec, section 4), in the form of obfs4proxy's own state
 * file. It stands in every member's profile, and so is made once, on the exit, and kept. obfs4proxy gets a copy: what it
 * writes itself is read by nobody.
 */
const state = z.object({
  "node-id": z.string().regex(/^[0-9a-f]{40}$/),
  "private-key": z.string().regex(/^[0-9a-f]{64}$/),
  "public-key": z.string().regex(/^[0-9a-f]{64}$/),
  "drbg-seed": z.string().regex(/^[0-9a-f]{48}$/),
  "iat-mode": z.literal(0),
});

export interface Obfs4Identity {
  /** The text of `obfs4_state.json`. */
  state: string;
  /** What a client needs: `cert=…;iat-mode=0`. */
  bridge: string;
}

/** The one in `folder` (`obfs4.json`, root's alone), made where it is missing. Throws the file system's error. */
export function obfs4Identity(folder: string): Obfs4Identity {
  const path = join(folder, "obfs4.json");
  let known: unknown;
  try {
    known = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
  }
  const kept = state.safeParse(known);
  if (kept.success) return identityOf(kept.data);
  const made = newState();
  writeFileAtomic(path, JSON.stringify(made));
  return identityOf(made);
}

function newState(): z.infer<typeof state> {
  const { privateKey } = generateKeyPairSync("x25519");
  const { d = "", x = "" } = privateKey.export({ format: "jwk" });
  const hex = (base64url: string): string => Buffer.from(base64url, "base64url").toString("hex");
  return {
    "node-id": randomBytes(20).toString("hex"),
    "private-key": hex(d),
    "public-key": hex(x),
    "drbg-seed": randomBytes(24).toString("hex"),
    "iat-mode": 0,
  };
}

/** The certificate is the id and the public key, in base64 without its two signs of padding (obfs4proxy, statefile.go). */
function identityOf(text: z.infer<typeof state>): Obfs4Identity {
  const raw = Buffer.from(text["node-id"] + text["public-key"], "hex");
  const certificate = raw.toString("base64").replace(/=+$/, "");
  return { state: JSON.stringify(text), bridge: `cert=${certificate};iat-mode=0` };
}
