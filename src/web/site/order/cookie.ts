import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import type { BegunOrder } from "../../../billing/checkout.ts";
import { deriveKey } from "../../../lib/derive-key.ts";
import { seal, unseal } from "../../../lib/seal.ts";
import type { SiteEnv } from "../../options.ts";

/** A browser remembers so many of its orders, the newest first. */
const ORDERS_MOST = 4;
/** A voucher that was bought can be looked at again for so long: a bank, or a block chain, may take its time. */
export const ORDER_COOKIE_DAYS = 7;
const LONGEST = 3500;

/**
 * What the office does not keep, the buyer's browser does: which orders it began, sealed, so that the page with a bought voucher
 * opens in this browser alone, whoever else learns the provider's numbers or the page's address.
 */
export class OrderCookie {
  readonly #key: Uint8Array;
  readonly #secure: boolean;
  readonly #name: string;

  constructor(sessionSecret: Uint8Array, secure: boolean) {
    this.#key = deriveKey(sessionSecret, "lethe order cookie");
    this.#secure = secure;
    this.#name = secure ? "__Host-orders" : "orders";
  }

  read(c: Context<SiteEnv>): BegunOrder[] {
    return this.#open(getCookie(c, this.#name)) ?? [];
  }

  add(c: Context<SiteEnv>, order: BegunOrder): void {
    const others = this.read(c).filter(({ id }) => id !== order.id);
    setCookie(c, this.#name, this.#seal([order, ...others].slice(0, ORDERS_MOST)), {
      path: "/",
      httpOnly: true,
      // Lax: the way back from the provider is a link from elsewhere.
      sameSite: "Lax",
      secure: this.#secure,
      maxAge: ORDER_COOKIE_DAYS * 86_400,
    });
  }

  #seal(orders: BegunOrder[]): string {
    return seal(this.#key, JSON.stringify(orders)).toString("base64url");
  }

  #open(text: string | undefined): BegunOrder[] | undefined {
    if (text === undefined || text.length > LONGEST) return undefined;
    try {
      return JSON.parse(unseal(this.#key, Buffer.from(text, "base64url")).toString()) as BegunOrder[];
    } catch {
      return undefined;
    }
  }
}
