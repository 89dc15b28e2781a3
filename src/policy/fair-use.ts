import type { Rule } from "./rule.ts";

/** Servers with a smaller uplink are marked unfit for large downloads and peer-to-peer, Mbit/s. */
export const LARGE_DOWNLOADS_MBIT = 50;

/** No limit but what is there. */
export const FAIR_USE: readonly Rule[] = [
  {
    id: "no-limit",
    page: "fair-use",
    sentence: () => "There is no limit of bandwidth and none of the amount of traffic.",
  },
  {
    id: "no-measure",
    page: "fair-use",
    sentence: () =>
      "How much of the traffic is whose is not measured; only each server’s total is, and the whole of it is public.",
  },
  {
    id: "low-load",
    page: "fair-use",
    sentence: () =>
      "Whoever has much to transfer takes a server with a low load: the server list shows every server’s, and recommends one.",
  },
  {
    id: "large-downloads",
    page: "fair-use",
    sentence: () =>
      `Servers below ${LARGE_DOWNLOADS_MBIT} Mbit/s are marked as unfit for large downloads and peer-to-peer: take another one for these.`,
  },
  {
    id: "shared-evenly",
    page: "fair-use",
    sentence: () =>
      "Where a server is full, its line is shared among those who use it at that moment; nobody is slowed for what they did before.",
  },
  {
    id: "closed-ports",
    page: "fair-use",
    sentence: ({ deniedPorts }) => {
      const more = [...new Set(deniedPorts)].filter((port) => port !== 25).toSorted((a, b) => a - b);
      return more.length === 0
        ? "Port 25 (mail between servers) is closed for everybody, so that nobody sends unsolicited mail by our addresses."
        : `Port 25 (mail between servers) is closed for everybody, so that nobody sends unsolicited mail by our addresses; so ${more.length === 1 ? "is port" : "are ports"} ${more.join(", ")}.`;
    },
  },
];
