/**
 * The domain of the exits' certificates: `.internal` is reserved for private use, so no certificate of ours can stand for
 * a website. The names do not hang on a server's host name: an operator may change that, and members' profiles stay valid.
 */
export const EXIT_DOMAIN = "exits.lethe.internal";

/** The name that an exit's certificate bears and that clients check. */
export const certificateName = (server: string): string => `${server}.${EXIT_DOMAIN}`;
