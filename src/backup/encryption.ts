import { Decrypter, Encrypter } from "age-encryption";
import { BackupError } from "./backup-error.ts";

/** age's file format (https://age-encryption.org/v1), streamed: what is too large for memory passes through in pieces of 64 KiB. */

const IDENTITY = /^AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]+$/;

/** Whether a text is a recipient (`age1…`). */
export function isRecipient(text: string): boolean {
  try {
    new Encrypter().addRecipient(text);
    return true;
  } catch {
    return false;
  }
}

/** Throws BackupError where one is no recipient. */
export async function encrypt(
  recipients: readonly string[],
  content: AsyncIterable<Uint8Array>,
): Promise<AsyncIterable<Uint8Array>> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    if (!isRecipient(recipient))
      throw new BackupError(`"${recipient}" is no age recipient: they start with age1, see age-keygen.`);
    encrypter.addRecipient(recipient);
  }
  return encrypter.encrypt(ReadableStream.from(content) as ReadableStream<Uint8Array>);
}

/** The secret keys in the text of an identity file (age-keygen's); throws BackupError where there are none. */
export function identitiesIn(text: string): string[] {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (lines.length === 0 || !lines.every((line) => IDENTITY.test(line)))
    throw new BackupError(
      "The identity file holds no secret key of age's (AGE-SECRET-KEY-1…). One that is encrypted itself is opened first: age -d key.age > /dev/shm/key.txt",
    );
  return lines;
}

/** Throws BackupError, also in the middle: whoever reads must not believe anything before the end. */
export async function* decrypt(
  identities: readonly string[],
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const decrypter = new Decrypter();
  for (const identity of identities) {
    try {
      decrypter.addIdentity(identity);
    } catch {
      throw new BackupError("The identity file is damaged: that is no secret key of age's.");
    }
  }
  try {
    yield* await decrypter.decrypt(ReadableStream.from(content) as ReadableStream<Uint8Array>);
  } catch (error) {
    if (error instanceof BackupError) throw error;
    const notOurs = error instanceof Error && /no identity matched/.test(error.message);
    throw new BackupError(
      notOurs
        ? "This backup was encrypted to another key than those in the identity file. Nothing was changed."
        : "This file is damaged, cut short, or no backup of Lethe's. Nothing was changed.",
    );
  }
}
