export interface Login {
  username: string;
  password: string;
}

/**
 * Username and password of `Basic dXNlcjpwYXNz` (RFC 7617): base64 of UTF-8, split at the first colon. Undefined for another
 * scheme, for what is no base64 or no UTF-8, for a missing colon and for control characters.
 */
export function parseBasic(value: string): Login | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  const text = bytes.toString("utf8");
  const colon = text.indexOf(":");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617 section 2 forbids exactly these.
  if (colon < 0 || /[\x00-\x1f\x7f]/.test(text) || !Buffer.from(text, "utf8").equals(bytes)) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
