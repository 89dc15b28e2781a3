import { md4 } from "./md4.ts";

/**
 * The NT hash of a password, 16 bytes: MD4 of its UTF-16LE (RFC 2759 section 8.3, NtPasswordHash). For EAP-MSCHAPv2 it is as good
 * as the password itself.
 */
export const ntHash = (password: string): Uint8Array => md4(Buffer.from(password, "utf16le"));
