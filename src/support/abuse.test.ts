import assert from "node:assert/strict";
import { test } from "node:test";
import { abuseAnswer, blockedText } from "./abuse.ts";

const server = {
  name: "london1",
  host: "london1.vpn.example.net",
  addresses: ["203.0.113.7", "2001:db8::7"],
  blocked: {
    ports: [
      { from: 6667, to: 6667 },
      { from: 6881, to: 6889 },
    ],
    ranges: ["198.51.100.0/24"],
  },
};
const common = { siteName: "Example Collective", origin: "https://vpn.example.net" };

test("the letter says that there are no logs, what can be done, and what is done on that server", () => {
  const letter = abuseAnswer({ ...common, abuseAddress: "abuse@example.net", server });
  for (const words of [
    /keep no log/,
    /block a port/,
    /london1\.vpn\.example\.net \(203\.0\.113\.7/,
    /abuse@example\.net/,
  ])
    assert.match(letter.replace(/\n/g, " "), words);
  assert.match(
    letter.replace(/\n/g, " "),
    /as of today: port 6667, ports 6881 to 6889, 198\.51\.100\.0\/24\./,
  );
  for (const line of letter.split("\n")) assert.ok(line.length <= 76, line);
});

test("without a server and an address it names the contact page and claims nothing of a block", () => {
  const letter = abuseAnswer(common);
  assert.match(letter, /https:\/\/vpn\.example\.net\/contact/);
  assert.ok(!letter.includes("as of today"));
  assert.equal(blockedText({ ports: [], ranges: [] }), "");
});
