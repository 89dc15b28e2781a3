/** What was asked for cannot be done; the message is for the operator, whole sentences. Exit code 1. */
export class StartError extends Error {
  override name = "StartError";
}

/** The command's words do not fit together. Exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
