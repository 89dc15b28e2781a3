import type { Framing } from "./http-head.ts";

/**
 * Follows a message's body to its end (RFC 9112 sections 6 and 7). `push` tells which parts of a chunk of bytes are content,
 * whether the body is over, and what came behind it.
 *
 *   chunked-body = *( size-in-hex [ extensions ] CRLF data CRLF ) "0" [ extensions ] CRLF *( trailer CRLF ) CRLF
 */
export interface BodyReader {
  push(chunk: Buffer): BodyStep;
  /** The connection ended here: is the body whole? */
  endsAtClose: boolean;
}

export type BodyStep =
  | { ok: true; content: Buffer[]; done: boolean; rest: Buffer }
  /** Not chunked as RFC 9112 writes it. */
  | { ok: false };

const NOTHING = Buffer.alloc(0);

function lengthReader(bytes: number): BodyReader {
  let left = bytes;
  return {
    endsAtClose: false,
    push(chunk) {
      const content = chunk.length <= left ? chunk : chunk.subarray(0, left);
      left -= content.length;
      return {
        ok: true,
        content: content.length > 0 ? [content] : [],
        done: left === 0,
        rest: content.length === chunk.length ? NOTHING : chunk.subarray(content.length),
      };
    },
  };
}

/** Bytes of size lines and trailers are dropped, and may be so many a line and so many in the trailer section. */
const LINE_LIMIT_BYTES = 4096;
const TRAILER_LIMIT_BYTES = 16 * 1024;

/** Extensions and trailers are read over: none of them goes on (RFC 9112 section 7.1, RFC 9110 section 6.5.1). */
function chunkedReader(): BodyReader {
  let state: "size" | "data" | "data-end" | "trailer" | "done" = "size";
  let left = 0;
  let line = "";
  let trailerBytes = 0;
  let dataEnd = "";

  /** One line's end has been read. False where the line is none. */
  const endLine = (): boolean => {
    const text = line;
    line = "";
    if (state === "trailer") {
      if (text === "") state = "done";
      return text === "" || /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/.test(text);
    }
    const size = /^([0-9a-fA-F]{1,12})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(text)?.[1];
    if (size === undefined) return false;
    left = Number.parseInt(size, 16);
    state = left === 0 ? "trailer" : "data";
    return true;
  };

  return {
    endsAtClose: false,
    push(chunk) {
      const content: Buffer[] = [];
      let at = 0;
      while (at < chunk.length && state !== "done") {
        if (state === "data") {
          const part = chunk.subarray(at, at + left);
          content.push(part);
          at += part.length;
          left -= part.length;
          if (left === 0) state = "data-end";
          continue;
        }
        const byte = chunk[at]!;
        at += 1;
        if (state === "data-end") {
          dataEnd += String.fromCharCode(byte);
          if (dataEnd === "\r\n") {
            dataEnd = "";
            state = "size";
          } else if (dataEnd !== "\r") return { ok: false };
          continue;
        }
        if (state === "trailer") trailerBytes += 1;
        if (line.length >= LINE_LIMIT_BYTES || trailerBytes > TRAILER_LIMIT_BYTES) return { ok: false };
        if (byte === 10) {
          if (!line.endsWith("\r")) return { ok: false };
          line = line.slice(0, -1);
          if (!endLine()) return { ok: false };
        } else if (byte === 0 || line.endsWith("\r")) return { ok: false };
        else line += String.fromCharCode(byte);
      }
      return { ok: true, content, done: state === "done", rest: chunk.subarray(at) };
    },
  };
}

/** A reader for the body; undefined where there is none. */
export function createBodyReader(framing: Framing): BodyReader | undefined {
  switch (framing.kind) {
    case "none":
      return undefined;
    case "length":
      return framing.bytes === 0 ? undefined : lengthReader(framing.bytes);
    case "chunked":
      return chunkedReader();
    case "until-close":
      return {
        endsAtClose: true,
        push: (chunk) => ({ ok: true, content: [chunk], done: false, rest: NOTHING }),
      };
  }
}

/** The chunk that carries `bytes` bytes: what stands ahead of them; CRLF stands behind. */
export const chunkHead = (bytes: number): string => `${bytes.toString(16)}\r\n`;
export const LAST_CHUNK = "0\r\n\r\n";
