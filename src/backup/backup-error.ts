/** A backup cannot be made or taken back; the message is for the operator. */
export class BackupError extends Error {
  override name = "BackupError";
}
