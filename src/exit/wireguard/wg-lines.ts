/**
 * What `wg show DEVICE latest-handshakes|transfer|allowed-ips` prints (wg(8)): one line a peer, its public key, a tab, and
 * numbers or the peer's addresses inside the tunnel. None of these bears a client's address; `endpoints` and `dump` do, and
 * are never asked for.
 */

const KEY = /^[A-Za-z0-9+/]{43}=$/;

/** Lines that are none of `wg`'s are left out. */
function* rows(text: string): Generator<[key: string, ...fields: string[]]> {
  for (const line of text.split("\n")) {
    const [key, ...fields] = line.split("\t");
    if (key !== undefined && KEY.test(key)) yield [key, ...fields];
  }
}

const numberOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

/** Public key → seconds since 1970 by the machine's clock; 0 where no handshake was completed. */
export function readHandshakes(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [key, seconds] of rows(text)) {
    const value = numberOf(seconds);
    if (value !== undefined) found.set(key, value);
  }
  return found;
}

/** The peers that anything at all has come from since they were added: the engine knows an address of theirs. */
export function readHeard(text: string): Set<string> {
  const found = new Set<string>();
  for (const [key, received] of rows(text)) if ((numberOf(received) ?? 0) > 0) found.add(key);
  return found;
}

/** Public key → allowed addresses as `wg` writes them, `10.96.0.1/32 fd6c:…/128`; `(none)` where there are none. */
export function readAllowed(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, allowed = ""] of rows(text)) found.set(key, allowed);
  return found;
}
