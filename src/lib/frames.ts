/**
 * Frames on a stream: uint32 length, big-endian, then so many bytes. Both ends are our own processes; the cap is there
 * because a confused or taken-over peer must not make us hold what it never sends.
 */
export function frame(...parts: Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = Buffer.allocUnsafe(4 + length);
  out.writeUInt32BE(length);
  let at = 4;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Cuts a stream into frames, however the bytes arrive. */
export class FrameReader {
  #maxBytes: number;
  #onFrame: (payload: Buffer) => void;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #wanted = 4;
  #broken = false;

  constructor(maxBytes: number, onFrame: (payload: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#onFrame = onFrame;
  }

  /** False once a frame was announced that is longer than allowed: the stream is then good for nothing more. */
  push(chunk: Buffer): boolean {
    if (this.#broken) return false;
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#wanted) return true;
    const bytes = this.#held.length === 1 ? chunk : Buffer.concat(this.#held);
    let at = 0;
    this.#wanted = 4;
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at);
      if (length > this.#maxBytes) {
        this.#broken = true;
        this.#held = [];
        return false;
      }
      if (bytes.length - at < 4 + length) {
        this.#wanted = 4 + length;
        break;
      }
      this.#onFrame(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    const rest = bytes.subarray(at);
    this.#held = rest.length === 0 ? [] : [rest];
    this.#heldBytes = rest.length;
    return true;
  }
}
