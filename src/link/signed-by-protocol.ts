import type { Protocol } from "./documents.ts";
import { type DocumentKind, signDocument } from "./signed.ts";
import type { SiteKey } from "./site-key.ts";

/** A document of the office's that is signed once for each protocol, when an exit that speaks it first needs it. */
export class SignedByProtocol<T extends object> {
  readonly #kind: DocumentKind;
  readonly #key: SiteKey;
  readonly document: T;
  readonly #signed = new Map<Protocol, Uint8Array>();

  constructor(kind: DocumentKind, document: T, key: SiteKey) {
    this.#kind = kind;
    this.document = document;
    this.#key = key;
  }

  as(protocol: Protocol): Uint8Array {
    let signed = this.#signed.get(protocol);
    if (signed === undefined) {
      signed = signDocument(this.#kind, { ...this.document, protocol }, this.#key);
      this.#signed.set(protocol, signed);
    }
    return signed;
  }
}
