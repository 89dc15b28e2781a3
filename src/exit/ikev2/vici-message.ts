/**
 * Messages of VICI, strongSwan's control interface (src/libcharon/plugins/vici/README.md, "Message format"): a tree of
 * sections, lists and values, each element a type, a name of at most 255 bytes, and a value of at most 65,535.
 */
export type ViciValue = string | Uint8Array | readonly (string | Uint8Array)[] | ViciMessage;
export interface ViciMessage {
  readonly [name: string]: ViciValue | undefined;
}

/** As read: values are bytes, which most of the time are text. */
export type ViciRead = Buffer | Buffer[] | ViciSection;
export type ViciSection = Map<string, ViciRead>;

const ELEMENT = {
  sectionStart: 1,
  sectionEnd: 2,
  keyValue: 3,
  listStart: 4,
  listItem: 5,
  listEnd: 6,
} as const;
const MAX_DEPTH = 16;

const named = (type: number, name: string): Buffer => {
  const bytes = Buffer.from(name);
  return Buffer.concat([Buffer.from([type, bytes.length]), bytes]);
};

const valued = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value as Uint8Array);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

/** Throws where a name or value is too long. */
export function encodeVici(message: ViciMessage): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(message)) {
    if (value === undefined) continue;
    if (typeof value === "string" || value instanceof Uint8Array) {
      parts.push(named(ELEMENT.keyValue, name), valued(value));
    } else if (Array.isArray(value)) {
      parts.push(named(ELEMENT.listStart, name));
      for (const item of value) parts.push(Buffer.from([ELEMENT.listItem]), valued(item));
      parts.push(Buffer.from([ELEMENT.listEnd]));
    } else {
      const section = encodeVici(value as ViciMessage);
      parts.push(named(ELEMENT.sectionStart, name), section, Buffer.from([ELEMENT.sectionEnd]));
    }
  }
  return Buffer.concat(parts);
}

/** Nothing where the bytes are no message. */
export function decodeVici(bytes: Buffer): ViciSection | undefined {
  const root: ViciSection = new Map();
  const open: ViciSection[] = [root];
  let list: Buffer[] | undefined;
  let at = 0;
  const take = (count: number): Buffer | undefined => {
    const taken = at + count <= bytes.length ? bytes.subarray(at, at + count) : undefined;
    at += count;
    return taken;
  };
  const name = (): string | undefined => take(take(1)?.[0] ?? Number.POSITIVE_INFINITY)?.toString();
  const value = (): Buffer | undefined => take(take(2)?.readUInt16BE() ?? Number.POSITIVE_INFINITY);
  while (at < bytes.length) {
    const type = bytes[at++];
    const section = open.at(-1)!;
    if (list !== undefined) {
      if (type === ELEMENT.listEnd) {
        list = undefined;
        continue;
      }
      const item = type === ELEMENT.listItem ? value() : undefined;
      if (item === undefined) return undefined;
      list.push(item);
    } else if (type === ELEMENT.sectionEnd) {
      open.pop();
      if (open.length === 0) return undefined;
    } else {
      const key = name();
      if (key === undefined) return undefined;
      if (type === ELEMENT.keyValue) {
        const read = value();
        if (read === undefined) return undefined;
        section.set(key, read);
      } else if (type === ELEMENT.listStart) {
        list = [];
        section.set(key, list);
      } else if (type === ELEMENT.sectionStart && open.length < MAX_DEPTH) {
        const child: ViciSection = new Map();
        section.set(key, child);
        open.push(child);
      } else return undefined;
    }
  }
  return open.length === 1 && list === undefined ? root : undefined;
}

/** A value as text; undefined where there is none. */
export function textOf(section: ViciSection | undefined, name: string): string | undefined {
  const value = section?.get(name);
  return Buffer.isBuffer(value) ? value.toString() : undefined;
}
