/** Where to ask for a service that listens on `address`: loopback where it listens on every address. */
export function dialled(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}
