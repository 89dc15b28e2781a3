import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetServer } from "../fleet/fleet-server.ts";
import type { ProfileOptions } from "../profiles/kinds.ts";
import { profilesFor } from "./profiles.ts";

const secrets = {
  siteName: "Example",
  authority: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  tlsCrypt: "-----BEGIN OpenVPN Static key V1-----\naaaa\n-----END OpenVPN Static key V1-----\n",
};
const server = (name: string, more: Partial<FleetServer> = {}): FleetServer =>
  ({
    name,
    linkName: name,
    generation: 1,
    host: `${name}.example.net`,
    addresses: ["192.0.2.1", "2001:db8::1"],
    services: [
      {
        service: "openvpn",
        ports: [
          { protocol: "udp", port: 1194 },
          { protocol: "tcp", port: 443 },
        ],
      },
    ],
    ...more,
  }) as FleetServer;
const profileOf = (
  servers: FleetServer[],
  sources: typeof secrets,
  options: ProfileOptions = {},
): string | undefined => {
  const named = (name: string) => servers.find((each) => each.name === name);
  const names = servers.map(({ name }) => name);
  return profilesFor({ ...sources, named })("openvpn", names, options)[0]?.content;
};
const remotes = (profile = "") => profile.split("\n").filter((line) => line.startsWith("remote "));

test("a profile insists on the certificate's name of the server's generation, whatever it is called now", () => {
  const profile = profileOf([server("paris1", { linkName: "london1", generation: 2 })], secrets);
  assert.match(profile ?? "", /^verify-x509-name london1-g2\.exits\.lethe\.internal name$/m);
  assert.deepEqual(remotes(profile), [
    "remote paris1.example.net 1194 udp",
    "remote paris1.example.net 443 tcp",
  ]);
});

test("one protocol alone, and addresses instead of names, where that was asked for", () => {
  const servers = [server("london1"), server("london2", { addresses: ["2001:db8::2"] })];
  assert.deepEqual(remotes(profileOf(servers, secrets, { protocol: "tcp", byAddress: true })), [
    "remote 192.0.2.1 443 tcp",
    "remote london2.example.net 443 tcp",
  ]);
});

test("servers without OpenVPN have no part in it, and alone no profile", () => {
  const none = server("oslo1", { services: [{ service: "http", ports: [{ protocol: "tcp", port: 3128 }] }] });
  assert.equal(profileOf([none], secrets), undefined);
  assert.equal(profileOf([], secrets), undefined);
  assert.equal(remotes(profileOf([none, server("london1")], secrets)).length, 2);
});
