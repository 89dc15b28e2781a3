import { isIP } from "node:net";
import { z } from "zod";
import { parseListen } from "./listen-address.ts";

/** What values of settings may be, where several are of one kind. */

export const listenText = z.string().refine((text) => parseListen(text) !== undefined);
export const listenList = z.array(listenText).max(8);
/** One may stand without the list's brackets. */
export const listensOfSite = z.union([listenText.transform((text) => [text]), listenList.min(1)]);
/** An address with a zone (`fe80::1%eth0`) is none here: link/settings.ts. */
const familyOf = (text: string): number => (text.includes("%") ? 0 : isIP(text));
export const address = z.string().refine((text) => familyOf(text) !== 0);
export const range = z.string().refine((text) => {
  const [base = "", bits, ...rest] = text.split("/");
  const family = familyOf(base);
  const widest = family === 4 ? 32 : 128;
  return (
    family !== 0 &&
    rest.length === 0 &&
    (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest))
  );
});
export const oneLine = (most: number) => z.string().regex(new RegExp(`^[^\\p{Cc}]{1,${most}}$`, "u"));
export const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/;
export const hostName = z
  .string()
  .refine((text) => text === "" || familyOf(text) !== 0 || HOST_NAME.test(text));
/** systemd.exec(5), LoadCredential=: a credential's name is a plain file name. */
export const fileName = z.string().regex(/^(?:\/[^\p{Cc}]{1,1000}|[A-Za-z0-9_][A-Za-z0-9_.-]{0,99})?$/u);
export const mailAddress = z.string().regex(/^(?:[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190})?$/);

/** An https address, whatever its path. */
export function isHttps(text: string): boolean {
  return /^https:\/\/[^\s\p{Cc}\p{Cf}]{1,500}$/u.test(text) && URL.canParse(text);
}

/** An address that never leaves the machine. */
export const isLoopback = (text: string): boolean =>
  (isIP(text) === 4 && text.startsWith("127.")) || (isIP(text) === 6 && /^(0*:)*:?0*1$/.test(text));

/** Where JSON may be sent: over TLS, or to this machine alone. */
export function isWebhook(text: string): boolean {
  if (!/^[^\s\p{Cc}\p{Cf}]{1,2000}$/u.test(text) || !URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  // fetch takes no credentials out of an address.
  if (username !== "" || password !== "") return false;
  const here = hostname === "localhost" || isLoopback(hostname.replace(/^\[|\]$/g, ""));
  return protocol === "https:" || (protocol === "http:" && here);
}

/** The address of a site: no path. */
export function isOrigin(text: string): boolean {
  // URL itself takes blanks and line breaks out, and text with them in would go on.
  if (!/^[^\s\p{Cc}\p{Cf}]{1,300}$/u.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  const plain = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  return (url.protocol === "https:" || url.protocol === "http:") && plain;
}
