import assert from "node:assert/strict";
import { test } from "node:test";
import { certificatesText } from "./certificate-command.ts";

test("one line a certificate, and below it what is to be done", () => {
  const nowS = Date.UTC(2030, 0, 1) / 1000;
  const text = certificatesText(
    [
      { kind: "authority", until: nowS + 7000 * 86_400 },
      {
        kind: "exit",
        server: "london1",
        until: nowS + 100 * 86_400,
        warning: "It should have been renewed by now.",
      },
      { kind: "exit", server: "oslo1" },
    ],
    nowS,
  );
  assert.equal(
    text,
    `  authority, in every member's files  2049-03-02  7000 days
  london1, VPN                        2030-04-11  100 days
    ! It should have been renewed by now.
  oslo1, VPN                          not known`,
  );
});
