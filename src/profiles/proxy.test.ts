import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { proxyAutoConfig, proxySettings } from "./proxy.ts";

/** Evaluates a PAC file the way a browser does; resolving a name fails the test, since it would leak it. */
function evaluate(pac: string, host: string): string {
  const resolved = () => assert.fail("the file resolves names");
  const context = createContext({
    isPlainHostName: (name: string) => !name.includes("."),
    dnsResolve: resolved,
    isResolvable: resolved,
    isInNet: resolved,
  });
  runInContext(pac, context);
  return runInContext(
    `FindProxyForURL(${JSON.stringify(`https://${host}/`)}, ${JSON.stringify(host)})`,
    context,
  );
}

test("the PAC file sends the Internet through the proxy and one's own network around it", () => {
  const pac = proxyAutoConfig({ host: "exit1.example.net", socks5Port: 1080, httpPort: 3128 });
  const proxied = "PROXY exit1.example.net:3128; SOCKS5 exit1.example.net:1080";
  for (const host of [
    "example.org",
    "10.example.org",
    "11.0.0.1",
    "172.32.0.1",
    "2001:db8::5",
    "fd.example",
    "localhost.example.org",
  ])
    assert.equal(evaluate(pac, host), proxied, host);
  for (const host of [
    "localhost",
    "router",
    "printer.local",
    "127.0.0.1",
    "10.0.0.1",
    "192.168.1.1",
    "172.20.0.1",
    "169.254.1.1",
    "::1",
    "fd00::1",
    "fe80::1",
  ])
    assert.equal(evaluate(pac, host), "DIRECT", host);
});

test("the PAC file never lets a failing proxy be gone around", () => {
  assert.equal(
    evaluate(proxyAutoConfig({ host: "2001:db8::1", socks5Port: 1080 }), "example.org"),
    "SOCKS5 [2001:db8::1]:1080; PROXY 127.0.0.1:9",
  );
  assert.equal(
    evaluate(proxyAutoConfig({ host: "192.0.2.1", httpPort: 8080 }), "example.org"),
    "PROXY 192.0.2.1:8080",
  );
});

test("where the HTTPS proxy is, the PAC file never falls back to one in the clear", () => {
  const [host, httpPort] = ["london1.example.net", 3128];
  assert.equal(
    evaluate(
      proxyAutoConfig({ host, httpPort, httpsPort: 8443 }, { host: "b.example", httpPort }),
      "example.org",
    ),
    "HTTPS london1.example.net:8443; PROXY 127.0.0.1:9",
  );
  const titles = proxySettings({ host, httpsPort: 8443, socks5TlsPort: 1081 }).map(({ title }) => title);
  assert.equal(titles.length, 3);
  assert.match(titles[0]!, /^HTTPS proxy \(encrypted/);
});

/** As Android reads what the file says (AOSP, PacProxySelector.java, parseResponse): what it does not know it leaves out. */
function androidsProxies(said: string): string[] {
  const known = said
    .split(";")
    .map((each) => each.trim())
    .filter((each) => each === "DIRECT" || each.startsWith("PROXY ") || each.startsWith("SOCKS "));
  return known.length === 0 ? ["DIRECT"] : known;
}

test("a client that knows none of a file's kinds of proxies finds no way past them", () => {
  const host = "london1.example.net";
  for (const place of [
    { host, httpsPort: 8443 },
    { host, socks5Port: 1080 },
    { host, httpPort: 3128, socks5Port: 1080 },
  ])
    assert.ok(!androidsProxies(evaluate(proxyAutoConfig(place), "example.org")).includes("DIRECT"));
});

test("settings name host and port and carry no credentials", () => {
  const settings = proxySettings({ host: "2001:db8::1", socks5Port: 1080, httpPort: 3128 });
  assert.deepEqual(
    settings.map(({ title }) => title),
    ["HTTP proxy", "SOCKS5 proxy", "curl over SOCKS5", "curl over the HTTP proxy"],
  );
  assert.deepEqual(settings[2]?.lines, [
    "curl --proxy socks5h://[2001:db8::1]:1080 --proxy-user USERNAME https://example.org/",
  ]);
  assert.deepEqual(proxySettings({ host: "192.0.2.1", httpPort: 3128 }).length, 2);
});

test("a host that is none is refused", () => {
  assert.throws(() => proxyAutoConfig({ host: 'a"; alert(1); "', httpPort: 1 }), RangeError);
  assert.throws(() => proxySettings({ host: "a" }), RangeError);
});
