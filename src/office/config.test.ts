import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, initialConfigText, parseConfig } from "./config.ts";
import { parseListen } from "./listen-address.ts";
import { siteOrigin, sitePlaces } from "./site-address.ts";

const messageOf = (text: string): string => {
  try {
    parseConfig(text, "lethe.toml");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  assert.fail("taken");
};

test("the file that a first start writes is taken and gives the defaults", () => {
  const config = parseConfig(initialConfigText(), "lethe.toml");
  assert.deepEqual(config, parseConfig("", "lethe.toml"));
  assert.deepEqual(config.site.listen, ["127.0.0.1:8080"]);
});

test("a wrong value names file, line, key and what is allowed", () => {
  assert.equal(
    messageOf('[site]\nname = "x"\nlisten = "8080"\n'),
    'lethe.toml:3: site.listen must be a list, each an address and a port such as "0.0.0.0:1080" or "[::]:1080"',
  );
  assert.match(
    messageOf("[server]\nbandwidth_mbit = 0"),
    /^lethe.toml:2: server.bandwidth_mbit must be a number from 1/,
  );
  assert.match(
    messageOf('server.country_code = "de"'),
    /^lethe.toml:1: server.country_code must be two capital/,
  );
});

test("all that is wrong is said at once, in the file's words", () => {
  const message = messageOf('[site]\nnmae = "x"\n[sock5]\nlisten = []\n[egress]\nallow = ["10.0.0.0/33"]\n');
  assert.deepEqual(
    message.split("\n").map((line) => line.split(";")[0]),
    [
      "lethe.toml:2: there is no key site.nmae",
      "lethe.toml:3: there is no section [sock5]",
      'lethe.toml:6: egress.allow must be a list of ranges such as "10.1.0.0/16"',
    ],
  );
});

test("the store's address is taken as libpq writes it, and its password stands in no message", () => {
  const url = "postgres://lethe:secret@db.example.net/lethe";
  assert.equal(parseConfig(`[store]\nurl = "${url}"\n`, "lethe.toml").store.url, url);
  const wrong = messageOf(`[store]\nurl = "${url}?sslmode=allow"\n`);
  assert.match(wrong, /^lethe.toml:2: store.url must be empty, or such as "postgres:/);
  assert.ok(!wrong.includes("secret"));
});

test("two services on one port are refused where the second is set", () => {
  assert.equal(
    messageOf('[http_proxy]\nlisten = ["127.0.0.1:1080"]\n'),
    "lethe.toml:2: http_proxy.listen: 127.0.0.1:1080 is taken by socks5.listen already",
  );
  assert.match(
    messageOf('[ssh]\nlisten = ["0.0.0.0:8080"]'),
    /ssh.listen: 0.0.0.0:8080 is taken by site.listen/,
  );
  const apart =
    '[openvpn]\ntcp = ["127.0.0.1:443", "[::]:1194"]\nudp = ["0.0.0.0:8080"]\n[site]\nlisten = "127.0.0.2:443"';
  assert.equal(parseConfig(apart, "lethe.toml").openvpn.tcp.length, 2);
});

test("OpenVPN and its stealth in TLS may have one place, and a website's ports may be the site's on this machine", () => {
  const shared = '[openvpn]\ntcp = ["0.0.0.0:443"]\n[stealth]\ntls = ["0.0.0.0:443"]\n';
  assert.equal(parseConfig(shared, "lethe.toml").stealth.tls.length, 1);
  assert.equal(parseConfig(`${shared}[site]\nlisten = "0.0.0.0:443"`, "lethe.toml").openvpn.tcp.length, 1);
  assert.match(
    messageOf(shared.replace('tls = ["0.0.0.0', 'tls = ["192.0.2.1')),
    /stealth.tls: 192.0.2.1:443 is taken by openvpn.tcp/,
  );
  assert.match(
    messageOf('[stealth]\nobfs4 = ["0.0.0.0:443"]\n'),
    /stealth.obfs4: 0.0.0.0:443 is taken by openvpn.tcp/,
  );
});

test("the link's port is its own, unless the operator has a cluster", () => {
  const taken = '[link]\nlisten = "0.0.0.0:1080"\n';
  assert.throws(
    () => parseConfig(taken, "lethe.toml"),
    /socks5\.listen: 0\.0\.0\.0:1080 is taken by link\.listen/,
  );
  const url = 'url = ["tls://nats1.example.net:4222"]\n';
  assert.deepEqual(parseConfig(taken + url, "lethe.toml").link.url, ["tls://nats1.example.net:4222"]);
  for (const wrong of ['"nats://a:4222"', '"tls://a"', '"tls://user@a:4222"', '""'])
    assert.throws(() => parseConfig(`[link]\nurl = [${wrong}]\n`, "lethe.toml"), /link\.url must be/);
  for (const wrong of ['""', '"a b"', '"tls://a"'])
    assert.throws(() => parseConfig(`[link]\nhosts = [${wrong}]\n`, "lethe.toml"), /link\.hosts must be/);
});

test("what is not TOML names the line", () => {
  assert.match(messageOf('[site]\nname = "x\n'), /^lethe.toml:2: this is not TOML/);
  assert.match(messageOf("site = 3"), /^lethe.toml:1: site is a section/);
});

test("listen addresses have an address of either family and a port", () => {
  assert.deepEqual(parseListen("[::1]:443"), { address: "::1", port: 443 });
  for (const bad of [
    "1.2.3.4",
    "::1:443",
    "1.2.3.4:0",
    "1.2.3.4:65536",
    "[1.2.3.4]:1",
    "name:1",
    "256.1.1.1:1",
  ])
    assert.equal(parseListen(bad), undefined, bad);
});

test("an address with blanks, line breaks or marks that nobody sees is none", () => {
  for (const url of [
    " https://vpn.example.net",
    "https://vpn.example.net\\n",
    "https://vpn\\u202e.example.net",
  ])
    assert.throws(() => parseConfig(`[site]\nurl = "${url}"\n`, "lethe.toml"), ConfigError, url);
});

test("what the exit would refuse is refused here already", () => {
  const listeners = (port: number) =>
    JSON.stringify(Array.from({ length: 5 }, (_, at) => `0.0.0.0:${port + at}`));
  for (const text of [
    '[egress]\ndeny = ["2001:db8::1%eth0/64"]',
    '[egress]\nallow = ["fe80::1%eth0"]',
    '[dns]\nforward = ["fe80::1%eth0"]',
    '[server]\naddresses = ["2001:db8::1%eth0"]',
    '[server]\nhost = "2001:db8::1%eth0"',
    `[openvpn]\nudp = ${listeners(1194)}\ntcp = ${listeners(1194)}`,
  ])
    assert.throws(() => parseConfig(text, "lethe.toml"), ConfigError, text);
});

test("the site may listen on one address or on several", () => {
  assert.deepEqual(parseConfig('[site]\nlisten = "[::1]:8081"', "lethe.toml").site.listen, ["[::1]:8081"]);
  const both = parseConfig('[site]\nlisten = ["127.0.0.1:8081", "[::1]:8081"]', "lethe.toml").site.listen;
  assert.deepEqual(both, ["127.0.0.1:8081", "[::1]:8081"]);
  assert.match(messageOf("[site]\nlisten = []"), /^lethe.toml:2: site.listen must be a list/);
});

test("a key that has got another name says which", () => {
  assert.equal(
    messageOf('[site]\nproxies = ["127.0.0.1"]\n'),
    "lethe.toml:2: site.proxies is called site.trusted_proxies now",
  );
  const { site } = parseConfig('[site]\ntrusted_proxies = ["127.0.0.1", "10.0.0.0/8"]', "lethe.toml");
  assert.deepEqual(site.trusted_proxies, ["127.0.0.1", "10.0.0.0/8"]);
});

test("alerts go over TLS or stay on the machine, and figures for the operator are open to this machine alone", () => {
  for (const good of [
    '[alerts]\nwebhook = "https://chat.example.net/hooks/abc?d=1"',
    '[alerts]\nwebhook = "http://127.0.0.1:9000/hook"',
    '[alerts]\nwebhook = "http://[::1]:9000/"',
    '[alerts]\ncommand = ["/usr/local/bin/tell", "two words"]',
    '[metrics]\nlisten = "127.0.0.1:9464"',
    '[metrics]\nlisten = "[::1]:9464"',
  ])
    assert.doesNotThrow(() => parseConfig(good, "lethe.toml"), good);
  for (const bad of [
    '[alerts]\nwebhook = "http://chat.example.net/hook"',
    '[alerts]\nwebhook = "https://name:password@chat.example.net/"',
    '[alerts]\nwebhook = "ftp://chat.example.net/"',
    '[alerts]\ncommand = ["tell"]',
    '[alerts]\ncommand = "/usr/local/bin/tell"',
    '[metrics]\nlisten = "0.0.0.0:9464"',
    '[metrics]\nlisten = "[::]:9464"',
    '[metrics]\nlisten = "[fe80::1]:9464"',
    '[metrics]\nlisten = "192.0.2.1:9464"',
    '[metrics]\nlisten = "localhost:9464"',
  ])
    assert.throws(() => parseConfig(bad, "lethe.toml"), ConfigError, bad);
});

test("what [site] and [tls] say must fit together", () => {
  const site = (listen: string, url = "") =>
    `[site]\nlisten = ${listen}\nurl = "${url}"\n[tls]\nnames = ["vpn.example.net"]\n`;
  const acme = 'acme = "https://acme.example.net/directory"';
  const both = '["0.0.0.0:443", "0.0.0.0:80"]';
  const config = parseConfig(`${site(both)}${acme}`, "lethe.toml");
  assert.equal(siteOrigin(config), "https://vpn.example.net");
  assert.deepEqual(
    sitePlaces(config).map(({ speaks }) => speaks),
    ["https", "redirect"],
  );
  const odd = parseConfig(
    `${site('["0.0.0.0:8443", "0.0.0.0:8081"]')}${acme}\nhttp_port = 8081`,
    "lethe.toml",
  );
  assert.equal(siteOrigin(odd), "https://vpn.example.net:8443");
  for (const [text, what] of [
    [`${site('["0.0.0.0:443"]')}${acme}`, /^lethe.toml:2: site.listen: the authority comes to port 80/],
    [
      `${site('["0.0.0.0:80"]')}${acme}`,
      /site.listen: where there is a certificate it needs an address for https/,
    ],
    [`${site(both, "http://vpn.example.net")}${acme}`, /^lethe.toml:3: site.url must start with https/],
    [`${site(both, "https://www.example.net")}${acme}`, /^lethe.toml:5: tls.names must have the name/],
    [
      `${site(both)}${acme}\ncertificate = "/a"\nkey = "/b"`,
      /tls.acme: the certificate comes either from files/,
    ],
    [`${site(both)}certificate = "/a"`, /tls.certificate: certificate and key come together/],
    [`[site]\nlisten = ${both}\n[tls]\n${acme}`, /tls.names: say which names the certificate is for/],
    [`[site]\nlisten = ${both}\nurl = "https://192.0.2.1"\n[tls]\n${acme}`, /tls.names: say which names/],
    [
      `[site]\nlisten = ${both}\nurl = "https://vpn"\n[tls]\n${acme}`,
      /tls.names: an authority makes certificates for whole names/,
    ],
    [
      '[tls]\nacme = "http://acme.example.net/"',
      /tls.acme must be empty, or an address that starts with "https/,
    ],
    ['[tls]\nkey = "../key"', /tls.key must be empty, a path that starts with \/, or a credential's name/],
    [
      `[site]\nlisten = ${JSON.stringify([1, 2, 3, 4, 5].map((port) => `0.0.0.0:${port}`))}`,
      /at most 4 different ports/,
    ],
  ] as const)
    assert.match(messageOf(text), what, text);
});

test("a BTCPay server needs a store, its key and its webhook's secret", () => {
  assert.match(
    messageOf('[btcpay]\naddress = "https://pay.example.net"\nstore = "abc"\napi_key_file = "/k"'),
    /^lethe.toml:1: btcpay.webhook_secret_file must be set where btcpay.address is$/,
  );
  const whole =
    '[btcpay]\naddress = "https://pay.example.net"\nstore = "abc"\napi_key_file = "/k"\nwebhook_secret_file = "hook"';
  assert.equal(parseConfig(whole, "lethe.toml").btcpay.store, "abc");
  assert.match(messageOf(`${whole}\nbitcoin = []`), /lethe.toml:6: btcpay.bitcoin or btcpay.monero/);
});

test("admin pages stand on loopback, or behind TLS", () => {
  const admin = (text: string) => parseConfig(`[admin]\n${text}`, "lethe.toml").admin;
  assert.deepEqual(admin(""), { listen: "127.0.0.1:8081", url: "" });
  assert.equal(admin('listen = ""').listen, "");
  assert.equal(admin('listen = "[::1]:9000"').listen, "[::1]:9000");
  const url = 'url = "https://admin.example.net"';
  assert.equal(admin(`listen = "0.0.0.0:8081"\n${url}`).url, "https://admin.example.net");
  for (const [text, why] of [
    ['listen = "0.0.0.0:8081"', /lethe\.toml:2: admin\.listen is not on loopback: set admin\.url/],
    ['listen = "192.0.2.1:8081"', /admin\.listen is not on loopback/],
    ['listen = "8081"', /admin\.listen must be empty, or an address and a port/],
    ['url = "http://admin.example.net"', /admin\.url must be/],
    ['url = "https://admin.example.net/x"', /admin\.url must be/],
  ] as const)
    assert.throws(() => admin(text), why, text);
});
