/** The provider could not be started; the message is for the operator, whole sentences. */
export class StartError extends Error {
  override name = "StartError";
}
