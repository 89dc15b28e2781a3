/** Where a remote exit keeps what it has. Three folders, and `leave` takes all of them away. */

/**
 * Code, readable by everybody: `start`, `releases/<12 hex>/{node,exit.mjs,runtime}`, `current` and `previous` → one of them.
 * `trial` stands while a new release is on trial: how often it was started, then the services that were well before it.
 * `failed` names the release that was taken back last.
 */
export const CODE = "/opt/lethe-exit";
/** Root's alone (0700): who this exit is, and its keys, made here. */
export const KEYS = "/etc/lethe-exit";
/** On tmpfs: sockets, engines, the sealed roster. */
export const RUN = "/run/lethe-exit";

export const START = `${CODE}/start`;
export const UNIT = "/etc/systemd/system/lethe-exit.service";

/** A release's name: the first 12 hex digits of its bundle's SHA-256. */
export const releaseName = (bundleSha256: string): string => bundleSha256.slice(0, 12);
