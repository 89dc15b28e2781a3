import { isLoopback } from "./config-values.ts";
import { parseListen } from "./listen-address.ts";

/** lethe.toml's [admin], as far as it has to be read together (config.ts). */
export interface AdminSettings {
  listen: string;
  url: string;
}

/** Whoever sees the admin pages may do everything: on a network they are behind TLS or nowhere. */
export function adminProblems({
  admin,
}: {
  admin: AdminSettings;
}): { section: string; key: string; what: string }[] {
  const open = admin.listen !== "" && !isLoopback(parseListen(admin.listen)!.address);
  return open && admin.url === ""
    ? [
        {
          section: "admin",
          key: "listen",
          what: "admin.listen is not on loopback: set admin.url to the https address of your TLS proxy for it",
        },
      ]
    : [];
}
