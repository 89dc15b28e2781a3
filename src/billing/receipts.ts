import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { deriveKey } from "../lib/derive-key.ts";
import { fail, ok, type Result } from "../lib/result.ts";
import { SEAL_NONCE_BYTES, SEAL_TAG_BYTES, seal, unseal } from "../lib/seal.ts";
import { PAYMENT_METHODS, type PaymentMethod } from "../policy/methods.ts";
import type { Money } from "../policy/money.ts";
import type { PaymentRecord } from "../policy/payment-record.ts";
import type { ProviderName } from "./providers.ts";

/** What a receipt says to everybody who has it. */
export interface Receipt {
  /** When it was paid, UTC seconds, a whole minute. */
  atS: number;
  plan: string;
  days: number;
  paid: Money;
  method: PaymentMethod;
  /** The account had never had paid time before (and, where payers are remembered, the payer had never bought). */
  first: boolean;
  /** A coupon made it cheaper. */
  coupon: boolean;
  /** A voucher was bought, and no account extended. */
  voucher: boolean;
}

/** What the office alone reads in it. */
export interface OpenedReceipt {
  receipt: Receipt;
  provider: ProviderName;
  paymentId: string;
}

export type ReceiptError = "receipt-malformed" | "receipt-other-site" | "receipt-altered";

/*
 * A receipt's text is `LR1.` + base64url + `.`, and the bytes are
 *   key id 8 (SHA-256 of the public key) | flags 1 | method 1 | minutes since 1970 4 | days 2 | minor units 4 | currency 3 |
 *   plan length 1 | plan | sealed length 1 | sealed: nonce 12, provider and payment id, tag 16 | Ed25519 signature of all before 64
 * with integers big-endian. What stands around the text (the lines for people) says nothing: it is not looked at.
 */
const PREFIX = "LR1.";
const TEXT = /LR1\.([A-Za-z0-9_-]{100,700})\./;
const LONGEST_PASTED = 10_000;
const KEY_ID_BYTES = 8;
const SIGNATURE_BYTES = 64;
const FIRST = 1;
const COUPON = 2;
const VOUCHER = 4;

/**
 * Signed receipts: they prove a purchase without anybody having kept a list of purchases. Key and seal follow from the payment
 * key, so that every office of a service signs and reads alike, and a payment has one receipt, however often it is made.
 */
export class Receipts {
  readonly #signKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #keyId: Buffer;
  readonly #sealKey: Uint8Array;
  readonly #nonceKey: Uint8Array;

  /** `paymentKey`: 32 bytes that the office alone has. */
  constructor(paymentKey: Uint8Array) {
    // RFC 8410 section 7: a private key of Ed25519 is its 32 bytes behind this.
    const pkcs8 = Buffer.concat([
      Buffer.from("302e020100300506032b657004220420", "hex"),
      deriveKey(paymentKey, "lethe receipt signature"),
    ]);
    this.#signKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    this.#publicKey = createPublicKey(this.#signKey);
    this.#keyId = createHash("sha256").update(this.#rawPublicKey()).digest().subarray(0, KEY_ID_BYTES);
    this.#sealKey = deriveKey(paymentKey, "lethe receipt seal");
    this.#nonceKey = deriveKey(paymentKey, "lethe receipt nonce");
  }

  /** With which everybody can check a receipt: the key's 32 bytes (RFC 8032), base64. */
  get publicKey(): string {
    return this.#rawPublicKey().toString("base64");
  }

  issue(provider: ProviderName, paymentId: string, record: PaymentRecord): string {
    const plan = Buffer.from(record.plan);
    const flags =
      (record.first ? FIRST : 0) |
      (record.coupon ? COUPON : 0) |
      (record.voucherHash === undefined ? 0 : VOUCHER);
    const fixed = Buffer.alloc(15);
    fixed.writeUInt8(flags, 0);
    fixed.writeUInt8(PAYMENT_METHODS.indexOf(record.method), 1);
    fixed.writeUInt32BE(Math.floor(record.atS / 60), 2);
    fixed.writeUInt16BE(record.days, 6);
    fixed.writeUInt32BE(record.paid.minor, 8);
    fixed.write(record.paid.currency, 12, "latin1");
    const open = Buffer.concat([this.#keyId, fixed, Buffer.of(plan.length), plan]);
    const sealed = this.#seal(open, `${provider}\0${paymentId}`);
    const signed = Buffer.concat([open, Buffer.of(sealed.length), sealed]);
    return `${PREFIX}${Buffer.concat([signed, sign(null, signed, this.#signKey)]).toString("base64url")}.`;
  }

  /**
   * The receipt in what somebody typed, pasted or scanned, with whatever stands around it: blanks and line breaks that a mail
   * program put into it do no harm.
   */
  open(pasted: string): Result<OpenedReceipt, ReceiptError> {
    if (pasted.length > LONGEST_PASTED) return fail("receipt-malformed");
    const text = TEXT.exec(pasted.replace(/[\s\u00ad\u200b]/g, ""))?.[1];
    const bytes = Buffer.from(text ?? "", "base64url");
    if (bytes.length < KEY_ID_BYTES + 17 + SEAL_NONCE_BYTES + SEAL_TAG_BYTES + SIGNATURE_BYTES)
      return fail("receipt-malformed");
    if (!bytes.subarray(0, KEY_ID_BYTES).equals(this.#keyId)) return fail("receipt-other-site");
    const signed = bytes.subarray(0, -SIGNATURE_BYTES);
    if (!verify(null, signed, this.#publicKey, bytes.subarray(-SIGNATURE_BYTES)))
      return fail("receipt-altered");
    // From here on it is as we wrote it.
    const openLength = KEY_ID_BYTES + 16 + bytes.readUInt8(KEY_ID_BYTES + 15);
    const fixed = bytes.subarray(KEY_ID_BYTES, KEY_ID_BYTES + 15);
    const hidden = unseal(
      this.#sealKey,
      signed.subarray(openLength + 1),
      signed.subarray(0, openLength),
    ).toString();
    const end = hidden.indexOf("\0");
    const flags = fixed.readUInt8(0);
    return ok({
      receipt: {
        atS: fixed.readUInt32BE(2) * 60,
        plan: bytes.toString("utf8", KEY_ID_BYTES + 16, openLength),
        days: fixed.readUInt16BE(6),
        paid: { minor: fixed.readUInt32BE(8), currency: fixed.toString("latin1", 12, 15) },
        method: PAYMENT_METHODS[fixed.readUInt8(1)]!,
        first: (flags & FIRST) !== 0,
        coupon: (flags & COUPON) !== 0,
        voucher: (flags & VOUCHER) !== 0,
      },
      provider: hidden.slice(0, end) as ProviderName,
      paymentId: hidden.slice(end + 1),
    });
  }

  /** The nonce follows from all that is sealed and said: the same receipt gets the same one, and no two others do. */
  #seal(open: Buffer, hidden: string): Buffer {
    const nonce = createHmac("sha256", this.#nonceKey)
      .update(open)
      .update("\0")
      .update(hidden)
      .digest()
      .subarray(0, SEAL_NONCE_BYTES);
    return seal(this.#sealKey, hidden, { bound: open, nonce });
  }

  #rawPublicKey(): Buffer {
    return Buffer.from(this.#publicKey.export({ format: "jwk" }).x!, "base64url");
  }
}
