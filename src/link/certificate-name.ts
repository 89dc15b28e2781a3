/**
 * The domain of the exits' certificates: `.internal` is reserved for private use, so no certificate of ours can stand for
 * a website. The names do not hang on a server's host name: an operator may change that, and members' profiles stay valid.
 */
export const EXIT_DOMAIN = "exits.lethe.internal";

/**
 * The name that an exit's certificate bears and that clients check. `server` is its name on the link; a `generation` after the
 * first has a name of its own, so that a key that was given up fits no profile made since.
 */
export const certificateName = (server: string, generation = 1): string =>
  `${server}${generation === 1 ? "" : `-g${generation}`}.${EXIT_DOMAIN}`;
