import { randomBytes } from "node:crypto";
import { base32, fromBase32 } from "../lib/base32.ts";
import { deriveKey } from "../lib/derive-key.ts";
import { SEAL_NONCE_BYTES, SEAL_TAG_BYTES, seal, unseal } from "../lib/seal.ts";
import type { Money } from "../policy/money.ts";

/**
 * What was ordered, as it travels with the payment provider (PayPal's `custom_id`, BTCPay's `orderId`): nothing of it is stored
 * here. The provider sees a text that says nothing to it; the office, when the payment is reported, opens it and knows whose
 * account to extend, by how much, and what had to be paid.
 */
export interface SealedOrder {
  v: 1;
  kind: "account" | "voucher";
  /** 26 base32 characters (an account's id); given where `kind` is "account". */
  accountId?: string;
  /** A plan's id: 1 to 24 bytes. */
  plan: string;
  /** Days that the plan had when it was ordered: a change of lethe.toml changes no running order and no subscription. */
  days: number;
  /** What is to be paid, a coupon already taken off. */
  price: Money;
  /** The 20 characters of a coupon (`plainCode`). */
  coupon?: string;
  /** UTC seconds, a whole minute. */
  madeAt: number;
  /** 16 base64url characters, another one for each order. */
  nonce: string;
}

/** PayPal's `custom_id` has at most 127 characters (Subscriptions v1; Orders v2 had the same limit and now takes 255). */
export const CUSTOM_ID_MOST = 127;
export const PLAN_ID_BYTES_MOST = 24;

const ACCOUNT_BYTES = 16;
const COUPON_BYTES = 13;
/** Kind and flags, days, minor units, currency, minutes. */
const FIXED_BYTES = 1 + 2 + 4 + 3 + 4;
const VERSION = 0x10;
const FOR_ACCOUNT = 0x01;
const WITH_COUPON = 0x02;
const ASSOCIATED = Buffer.from("lethe sealed order 1");

/** Seals orders (AES-256-GCM). A text that was altered, made with another key or by anybody else opens to nothing. */
export class OrderSeal {
  readonly #key: Uint8Array;

  /** `paymentKey`: 32 bytes that the office alone has. */
  constructor(paymentKey: Uint8Array) {
    if (paymentKey.length !== 32) throw new RangeError("paymentKey: 32 bytes");
    this.#key = deriveKey(paymentKey, "lethe sealed order");
  }

  /** The order with its nonce, and the text for the provider (base64url, at most CUSTOM_ID_MOST). Throws RangeError. */
  seal(input: Omit<SealedOrder, "v" | "nonce">): { order: SealedOrder; text: string } {
    // Drawn here and nowhere else: the same nonce must never seal two different orders.
    const nonce = randomBytes(SEAL_NONCE_BYTES);
    const order: SealedOrder = {
      ...input,
      v: 1,
      madeAt: Math.floor(input.madeAt / 60) * 60,
      nonce: nonce.toString("base64url"),
    };
    const text = seal(this.#key, pack(order), { bound: ASSOCIATED, nonce });
    return { order, text: text.toString("base64url") };
  }

  /** The order in a text; undefined where it is none of ours, or not as it was. */
  open(text: string | undefined): SealedOrder | undefined {
    if (text === undefined || text.length > CUSTOM_ID_MOST) return undefined;
    const bytes = Buffer.from(text, "base64url");
    if (
      bytes.length < SEAL_NONCE_BYTES + FIXED_BYTES + SEAL_TAG_BYTES ||
      bytes.toString("base64url") !== text
    )
      return undefined;
    try {
      const nonce = bytes.toString("base64url", 0, SEAL_NONCE_BYTES);
      return unpack(unseal(this.#key, bytes, ASSOCIATED), nonce);
    } catch {
      return undefined;
    }
  }
}

/** Flags, days (16 bits), minor units (32), currency (3 letters), minutes (32), account id, coupon, plan id. Big-endian. */
function pack(order: SealedOrder): Buffer {
  const { kind, accountId, plan, days, price, coupon, madeAt } = order;
  const account = kind === "account" ? fromBase32(accountId ?? "") : undefined;
  if (kind === "account" ? account?.length !== ACCOUNT_BYTES : accountId !== undefined)
    throw new RangeError("accountId: 26 base32 characters, for an account's order alone");
  const planBytes = Buffer.from(plan);
  if (planBytes.length < 1 || planBytes.length > PLAN_ID_BYTES_MOST)
    throw new RangeError(`plan: 1 to ${PLAN_ID_BYTES_MOST} bytes`);
  if (!/^[A-Z]{3}$/.test(price.currency)) throw new RangeError("currency: three capital letters (ISO 4217)");
  if (coupon !== undefined && !/^[a-z2-7]{20}$/.test(coupon))
    throw new RangeError("coupon: 20 base32 characters");
  const fixed = Buffer.alloc(FIXED_BYTES);
  const flags = (account === undefined ? 0 : FOR_ACCOUNT) | (coupon === undefined ? 0 : WITH_COUPON);
  fixed.writeUInt8(VERSION | flags, 0);
  fixed.writeUInt16BE(days, 1);
  fixed.writeUInt32BE(price.minor, 3);
  fixed.write(price.currency, 7, "latin1");
  fixed.writeUInt32BE(madeAt / 60, 10);
  // One more character fills the byte that 100 bits leave open.
  const couponBytes = coupon === undefined ? Buffer.alloc(0) : fromBase32(`${coupon}a`)!;
  return Buffer.concat([fixed, account ?? Buffer.alloc(0), couponBytes, planBytes]);
}

/** The other way round. What the seal holds was written by us: only its version has to be looked at. */
function unpack(packed: Buffer, nonce: string): SealedOrder | undefined {
  const flags = packed.readUInt8(0);
  if ((flags & 0xf0) !== VERSION) return undefined;
  const afterAccount = FIXED_BYTES + (flags & FOR_ACCOUNT ? ACCOUNT_BYTES : 0);
  const afterCoupon = afterAccount + (flags & WITH_COUPON ? COUPON_BYTES : 0);
  const accountId = flags & FOR_ACCOUNT ? base32(packed.subarray(FIXED_BYTES, afterAccount)) : undefined;
  const coupon = flags & WITH_COUPON ? base32(packed.subarray(afterAccount, afterCoupon), 20) : undefined;
  return {
    v: 1,
    kind: accountId === undefined ? "voucher" : "account",
    ...(accountId !== undefined && { accountId }),
    plan: packed.toString("utf8", afterCoupon),
    days: packed.readUInt16BE(1),
    price: { minor: packed.readUInt32BE(3), currency: packed.toString("latin1", 7, 10) },
    ...(coupon !== undefined && { coupon }),
    madeAt: packed.readUInt32BE(10) * 60,
    nonce,
  };
}
