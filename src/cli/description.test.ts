import assert from "node:assert/strict";
import { test } from "node:test";
import type { ListeningReport } from "../exit/messages.ts";
import { describe } from "./description.ts";

test("a missing certificate is the office's for a VPN, and a public one for the proxies over TLS", () => {
  const lineOf = (service: ListeningReport["service"]): string =>
    describe({
      settled: true,
      site: "https://vpn.example.net",
      data: "/data",
      settings: "/data/lethe.toml",
      services: [{ service, protocol: "tcp", address: "0.0.0.0", port: 8443, failed: "no-certificate" }],
      warnings: [],
    });
  assert.match(lineOf("openvpn"), /the office has not signed this exit's certificate/);
  for (const service of ["https", "socks5-tls"] as const)
    assert.match(lineOf(service), /there is no public certificate for its host yet/);
});
