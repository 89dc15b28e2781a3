import { createHash, createHmac } from "node:crypto";
import type { Store } from "../store/open.ts";
import { claimSite } from "../store/site.ts";
import type { OfficeKeys } from "./keys.ts";
import { OfficeStartError } from "./start-errors.ts";

/**
 * Two offices on one database must have the same keys: else each would derive VPN credentials that the other's exits do not know.
 * The database holds a keyed hash of the keys that it was first used with. Throws OfficeStartError, StoreError.
 */
export async function requireSameSite(
  store: Store,
  folder: string,
  keys: OfficeKeys,
  authority: string | undefined,
): Promise<void> {
  const answer = await claimSite(store, {
    keys: fingerprintOf(keys),
    authority: authority && createHash("sha256").update(authority).digest("hex"),
  });
  if (answer === "ours") return;
  const what = answer === "other-keys" ? "keys" : "certificate authority (ca.crt, ca.key)";
  const database = store.postgres === undefined ? "The database" : "The database of store.url";
  throw new OfficeStartError(
    `${database} belongs to a service with another ${what} than the one in ${folder}. A further office gets them from the first one: ` +
      "`lethe backup --keys-only` there, `lethe restore --keys-only` here (docs/operating.md). Nothing was changed.",
  );
}

const fingerprintOf = ({ siteSecret, siteKey, tlsCrypt, linkSeed }: OfficeKeys): string => {
  const mac = createHmac("sha256", siteSecret).update("lethe keys of a site");
  for (const part of [siteKey.publicKey, tlsCrypt, linkSeed])
    mac.update(createHash("sha256").update(part).digest());
  return mac.digest("hex").slice(0, 32);
};
