import type { Rule } from "./rule.ts";

/** One account, one person. */
export const PERSONAL_USE: readonly Rule[] = [
  {
    id: "own-devices",
    page: "personal-use",
    sentence: () => "An account is for one person, on any number of devices of that person’s own.",
  },
  {
    id: "simultaneous",
    page: "personal-use",
    sentence: ({ sessionsPerCredential }) =>
      `On one server at most ${sessionsPerCredential} devices and programs of an account are online at one time, over all services.`,
  },
  {
    id: "wireguard-devices",
    page: "personal-use",
    sentence: ({ devicesPerAccount }) => `An account has at most ${devicesPerAccount} WireGuard devices.`,
  },
  {
    id: "counted-in-memory",
    page: "personal-use",
    sentence: () =>
      "What is online at one time is counted on each server, in its memory alone and under a key that ends with the process; nobody is watched for it.",
  },
  {
    id: "not-shared",
    page: "personal-use",
    sentence: () =>
      "Username and password, and VPN username and password, must not be passed on, sold or published.",
  },
  {
    id: "cut-off",
    page: "personal-use",
    sentence: () =>
      "Credentials that were passed on or published can be cut off at once, live connections included.",
  },
  {
    id: "new-credentials",
    page: "personal-use",
    sentence: () =>
      "Whose VPN credentials have got into others’ hands makes new ones in the account; the old ones stop at once.",
  },
];
