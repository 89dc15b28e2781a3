import assert from "node:assert/strict";
import { test } from "node:test";
import { checkNameProblems, checkOrigins } from "./origins.ts";

const tls = {
  certificate: "/etc/site.crt",
  key: "/etc/site.key",
  acme: "",
  acme_authority: "",
  email: "",
  names: ["vpn.example.net", "v4.vpn.example.net"],
  http_port: 80,
  exits: false,
};
const config = {
  site: { listen: ["0.0.0.0:8443", "[::]:8443"], url: "https://vpn.example.net:8443" },
  tls,
  check: { ipv4_name: "v4.vpn.example.net", ipv6_name: "v6.vpn.example.net" },
};

test("each version of IP is asked by its name at the site's own port", () => {
  assert.deepEqual(checkOrigins(config), {
    ipv4: "https://v4.vpn.example.net:8443",
    ipv6: "https://v6.vpn.example.net:8443",
  });
  assert.deepEqual(checkOrigins({ ...config, check: { ipv4_name: "", ipv6_name: "" } }), {});
});

test("a name that the site's certificate does not have is a mistake in the settings", () => {
  assert.deepEqual(
    checkNameProblems(config).map(({ key }) => key),
    ["ipv6_name"],
  );
  assert.deepEqual(checkNameProblems({ ...config, tls: { ...tls, certificate: "", key: "" } }), []);
  assert.deepEqual(checkNameProblems({ ...config, check: { ipv4_name: "", ipv6_name: "" } }), []);
});
