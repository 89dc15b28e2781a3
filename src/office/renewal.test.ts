import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CERTIFICATE_LOOK_MS, OwnCertificate } from "../exit/own-certificate.ts";
import { FakeClock } from "../lib/clock.ts";
import { certificateName } from "../link/certificate-name.ts";
import { openAuthority, signExitRequest } from "./authority.ts";

const folder = mkdtempSync(join(tmpdir(), "lethe-renewal-"));
after(() => rmSync(folder, { recursive: true }));
const DAY_MS = 86_400_000;
const name = certificateName("london1");

test("an exit's certificate is renewed by itself months before its end, though the office is away a while, and members' files stay good", () => {
  const authority = openAuthority(folder)!;
  const exit = mkdtempSync(join(folder, "exit-"));
  const clock = new FakeClock(Date.now());
  const asked: number[] = [];
  let until = 0;
  const certificate: OwnCertificate = new OwnCertificate({
    folder: exit,
    authority,
    clock,
    log: () => {},
    ask: (request) => {
      asked.push(clock.now());
      // Whenever the second one is asked for first, the office is away for a month.
      const officeThere = asked.length === 1 || clock.now() - asked[1]! > 30 * DAY_MS;
      if (officeThere) certificate.take(signExitRequest(folder, name, request, clock.now())!);
    },
    onUntil: (seconds) => {
      until = seconds;
    },
  });
  const shown = () => new X509Certificate(readFileSync(join(exit, "tls.crt")));
  certificate.look(name);
  assert.equal(asked.length, 1);
  const key = readFileSync(join(exit, "tls.key"), "utf8");
  let last = shown();
  const renewed: number[] = [];
  for (let passedMs = 0; passedMs < 6 * 365 * DAY_MS; passedMs += CERTIFICATE_LOOK_MS) {
    clock.advance(CERTIFICATE_LOOK_MS);
    certificate.look();
    const now = shown();
    const leftMs = Date.parse(last.validTo) - clock.now();
    assert.ok(Date.parse(now.validTo) - clock.now() > 240 * DAY_MS, "it came near its end");
    if (now.serialNumber === last.serialNumber) continue;
    renewed.push(leftMs / DAY_MS);
    // What a profile holds: the authority, and the name.
    assert.ok(now.verify(new X509Certificate(authority).publicKey));
    assert.equal(now.checkHost(name), name);
    last = now;
  }
  assert.ok(renewed.length >= 3, `${renewed.length} renewals`);
  assert.ok(renewed[0]! < 250 && renewed[0]! > 240, "control: the first waited for the office");
  for (const leftDays of renewed.slice(1)) assert.ok(leftDays > 270, `renewed with ${leftDays} days left`);
  assert.equal(until, Date.parse(shown().validTo) / 1000);
  assert.equal(readFileSync(join(exit, "tls.key"), "utf8"), key);
});
