import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { proxyAutoConfig } from "./proxy-auto-config.ts";

/** The two helpers a browser gives a PAC file, as the original specification words them. */
const browser = {
  isPlainHostName: (host: string) => !host.includes("."),
  dnsDomainIs: (host: string, domain: string) => host.endsWith(domain),
};

function evaluate(pac: string, host: string): string {
  const context = createContext({ ...browser });
  return runInContext(
    `${pac}\nFindProxyForURL("http://" + ${JSON.stringify(host)} + "/", ${JSON.stringify(host)})`,
    context,
  );
}

test("everything public goes through the proxy, and never past it", () => {
  const pac = proxyAutoConfig({ host: "london1.example.net", port: 3128 });
  for (const host of ["example.org", "192.0.2.1", "local.example.org"]) {
    assert.equal(evaluate(pac, host), "PROXY london1.example.net:3128");
  }
});

test("the own machine and network are asked directly", () => {
  const pac = proxyAutoConfig({ host: "london1.example.net", port: 3128 });
  for (const host of ["printer", "localhost", "127.0.0.1", "nas.local"])
    assert.equal(evaluate(pac, host), "DIRECT");
});

test("a proxy without a name stands in brackets where it is IPv6", () => {
  assert.equal(
    evaluate(proxyAutoConfig({ host: "2001:db8::1", port: 8080 }), "example.org"),
    "PROXY [2001:db8::1]:8080",
  );
});
