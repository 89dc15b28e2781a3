import assert from "node:assert/strict";
import { test } from "node:test";
import { ntHash } from "../../lib/nt-hash.ts";
import type { Challenged, Secret } from "../authorise.ts";
import { SelfTestLogins } from "./logins.ts";

const asked = { service: "socks5", addresses: ["127.0.0.1"], uses: 2 } as const;
const from = (address: string) => ({ service: "socks5", address }) as const;

test("a round's login is good from the addresses asked, in whatever writing, until the round's end", () => {
  const logins = new SelfTestLogins();
  const { login, end } = logins.begin({
    service: "socks5",
    addresses: ["127.0.0.1", "2001:db8::1"],
    uses: 4,
  });
  for (const address of ["127.0.0.1", "::ffff:127.0.0.1", "2001:DB8:0::1"]) {
    assert.ok(logins.admit({ ...from(address), ...login }), address);
  }
  for (const address of ["127.0.0.2", "192.0.2.1", "", "::1", "no address"]) {
    assert.equal(logins.admit({ ...from(address), ...login }), undefined, address);
  }
  const session = logins.admit({ ...from("127.0.0.1"), ...login })!;
  let cut = 0;
  session.onCut(() => {
    cut += 1;
  });
  end();
  assert.equal(cut, 1);
  assert.equal(logins.admit({ ...from("127.0.0.1"), ...login }), undefined);
});

test("each round has a name and a password of its own, and one is worth nothing with the other's", () => {
  const logins = new SelfTestLogins();
  const [one, other] = [logins.begin(asked), logins.begin(asked)];
  assert.notEqual(one.login.username, other.login.username);
  // No VPN username (12 base32 characters) and no access pass (p1-…) looks like it.
  assert.match(one.login.username, /^self-test-[0-9a-f]{32}$/);
  const mixed = { username: one.login.username, password: other.login.password };
  assert.equal(logins.admit({ ...from("127.0.0.1"), ...mixed }), undefined);
  // The border between name and password is not to be moved.
  const shifted = {
    username: one.login.username + one.login.password[0]!,
    password: one.login.password.slice(1),
  };
  assert.equal(logins.admit({ ...from("127.0.0.1"), ...shifted }), undefined);
  one.end();
  assert.ok(logins.admit({ ...from("127.0.0.1"), ...other.login }), "another round's end is not this one's");
});

test("a login is good at its own service, and as often as the round asks", () => {
  const logins = new SelfTestLogins();
  const { login } = logins.begin(asked);
  for (const service of ["http", "openvpn"] as const) {
    assert.equal(logins.admit({ service, address: "127.0.0.1", ...login }), undefined);
  }
  assert.ok(logins.admit({ ...from("127.0.0.1"), ...login }));
  assert.ok(logins.admit({ ...from("127.0.0.1"), ...login }));
  assert.equal(logins.admit({ ...from("127.0.0.1"), ...login }), undefined);
});

test("a login by challenge is the round's own, from its addresses, as often as it asks", () => {
  const logins = new SelfTestLogins();
  const { login, end } = logins.begin({ service: "ikev2", addresses: ["192.0.2.1"], uses: 1 });
  const attempt = { service: "ikev2", username: login.username, address: "192.0.2.1" } as const;
  const right = ntHash(login.password);
  const verify = ({ ntHash: theirs }: Secret) => (Buffer.compare(theirs!, right) === 0 ? "proof" : undefined);
  const reason = (answer: Challenged<string> | undefined) => answer && (answer.admitted || answer.reason);
  assert.equal(logins.challenge({ ...attempt, username: "abcdefghijkl" }, verify), undefined);
  assert.equal(reason(logins.challenge({ ...attempt, address: "192.0.2.7" }, verify)), "unknown");
  assert.equal(reason(logins.challenge({ ...attempt, service: "socks5" }, verify)), "unknown");
  assert.equal(reason(logins.challenge(attempt, (): string | undefined => undefined)), "unknown");
  const answer = logins.challenge(attempt, verify);
  assert.ok(answer?.admitted);
  assert.equal(answer.proof, "proof");
  let cuts = 0;
  answer.session.onCut(() => cuts++);
  assert.equal(reason(logins.challenge(attempt, verify)), "unknown", "used up");
  end();
  assert.equal(cuts, 1);
  assert.equal(logins.challenge(attempt, verify), undefined);
});
