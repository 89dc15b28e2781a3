import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeFileAtomic } from "../../../src/lib/atomic-file.ts";
import { openssl } from "../../../src/lib/openssl.ts";
import { certificateName } from "../../../src/link/certificate-name.ts";
import { signExitRequest } from "../../../src/office/authority.ts";
import { PATIENCE_MS, until } from "../namespace.ts";
import { OpenVpnClient } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import { Programs } from "../programs.ts";
import type { ServicesScene } from "../services-scene.ts";

/** Of 825; with a third left, 275, another is asked for. */
const AGE_DAYS = 600;

interface CertificateEntry {
  kind: string;
  server?: string;
  /** UTC seconds. */
  until: number;
  warning?: string;
}

/** A server's certificate is renewed while members have files from before, and are online with them. */
export function renewalCases(scene: () => ServicesScene): void {
  test("after a server's certificate was renewed a client that was online is back by itself, and files from before connect, OpenVPN's and stealth's", async (context) => {
    const { world, berlin, office } = scene();
    const exit = join(office.data, "exit");
    const stored = () => new X509Certificate(readFileSync(join(exit, "tls.crt")));
    /** What stunnel answers with. */
    const shown = async (): Promise<string | undefined> => {
      const { stdout } = await world.client2.run(
        ["openssl", "s_client", "-connect", `${berlin.v4}:443`, "-tls1_3"],
        { input: "", timeoutMs: 20_000 },
      );
      const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(stdout)?.[0];
      return pem && new X509Certificate(pem).serialNumber;
    };
    const listed = async (): Promise<CertificateEntry> => {
      const certificates = JSON.parse(
        await office.mustCommand("--json", "certificates"),
      ) as CertificateEntry[];
      return certificates.find(({ kind, server }) => kind === "exit" && server === berlin.name)!;
    };
    const member = await scene().newMember("renewal.lab");
    const vpn = await member.vpn(berlin.name);
    const login = await scene().login(member);
    const options = { on: world.client2, folder: world.folder, exit: berlin, member, login };
    const stealth = await Programs.unpack("stealth-tls", options);
    const first = stored().serialNumber;
    assert.equal(await shown(), first);

    const client = OpenVpnClient.start(world.client, world.folder, vpn);
    try {
      await client.online();
      // As if it had been signed long ago: the exit looks at it when it starts.
      const name = certificateName(berlin.name);
      const request = openssl(() => ["req", "-new", "-key", join(exit, "tls.key"), "-subj", `/CN=${name}`]);
      const authority = join(office.data, "office");
      const old = signExitRequest(authority, name, request, Date.now() - AGE_DAYS * 86_400_000)!;
      const aged = new X509Certificate(old);
      writeFileAtomic(join(exit, "tls.crt"), old, 0o644);
      const at = performance.now();
      await office.restart();
      const renewed = await until("the next certificate", PATIENCE_MS, () => {
        const now = stored();
        return now.serialNumber !== aged.serialNumber && now;
      });
      assert.notEqual(renewed.serialNumber, first);
      await until("stunnel with it", PATIENCE_MS, async () => (await shown()) === renewed.serialNumber);
      await until(
        () => `the client; it said:\n${client.output.join("\n")}`,
        2 * PATIENCE_MS,
        async () => (await seenAddress(world.client)) === berlin.v4,
      );
      context.diagnostic(
        `client online again ${Math.round(performance.now() - at)} ms after the restart began`,
      );
      const endS = Date.parse(renewed.validTo) / 1000;
      await until("the list", PATIENCE_MS, async () => (await listed()).until === endS);
      assert.ok(endS - Date.now() / 1000 > 800 * 86_400);
      assert.equal((await listed()).warning, undefined);
    } finally {
      await client.stop();
    }

    const again = OpenVpnClient.start(world.client, world.folder, vpn);
    try {
      await again.online();
      assert.equal(await seenAddress(world.client), berlin.v4, "OpenVPN, with the file from before");
    } finally {
      await again.stop();
    }
    try {
      stealth.start();
      await stealth.online();
      assert.equal(await seenAddress(world.client2), berlin.v4, "stealth, with the files from before");
    } finally {
      await stealth.stop();
    }
  });
}
