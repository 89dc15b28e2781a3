import { CREDENTIALS } from "./credentials.ts";
import { accepts, type Header, headerSchema, type Protocol } from "./documents.ts";
import { Refused } from "./refused.ts";
import { openDocument, type Trust } from "./signed.ts";

/** The roster's header out of its signed document, not older than version `seen` (0: any) and good at `timeMs`. Throws Refused. */
export function openHeader(
  signed: Uint8Array,
  trust: Trust,
  { own, seen, timeMs }: { own: Protocol; seen: number; timeMs: number },
): Header {
  const opened = openDocument("header", signed, trust, headerSchema);
  if (!opened.ok) throw new Refused(opened.reason);
  const header = opened.value;
  if (!accepts(own, header.protocol)) throw new Refused("protocol");
  if (header.sections.credentials.rowBytes !== CREDENTIALS.rowBytes) throw new Refused("protocol");
  if (header.version < seen) throw new Refused("rolled-back");
  if (header.notAfterMs <= timeMs) throw new Refused("outdated");
  return header;
}
