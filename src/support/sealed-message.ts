import type { webcrypto } from "node:crypto";
import { armor, Decrypter, Encrypter } from "age-encryption";

/** A ticket's texts in age's format (https://age-encryption.org/v1), armored: `age -d` opens them as well. */

/** Text encrypted to all of `recipients` (`age1…`); each opens it alone. Throws where one is no recipient. */
export async function sealMessage(text: string, recipients: readonly string[]): Promise<string> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(text));
}

/** `identities`: `AGE-SECRET-KEY-1…`, or a ticket's key. Undefined where none of them opens it, or it is damaged. */
export async function openMessage(
  body: string,
  identities: readonly (string | webcrypto.CryptoKey)[],
): Promise<string | undefined> {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  try {
    return await decrypter.decrypt(armor.decode(body), "text");
  } catch {
    return undefined;
  }
}
