import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatIp, parseIp } from "../lib/ip.ts";
import { closedRanges4, closedRanges6, createEgressPolicy, parseHost } from "./egress.ts";

interface Choices {
  allow?: string[];
  deny?: string[];
  denyPorts?: number[];
  denyPortRanges?: { from: number; to: number }[];
  ownAddresses?: string[];
  sitePorts?: number[];
}

function policy(choices: Choices = {}) {
  const {
    allow = [],
    deny = [],
    denyPorts = [],
    denyPortRanges,
    ownAddresses = [],
    sitePorts = [],
  } = choices;
  const egress = { allow, deny, denyPorts, ...(denyPortRanges && { denyPortRanges }) };
  const made = createEgressPolicy({ egress, ownAddresses, sitePorts });
  return (address: string, port = 443): boolean => made.opens(parseIp(address)!, port);
}

/** What must never be reached, with the addresses just outside where those are open. */
const CLOSED4 = [
  ...["0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.1", "100.127.255.255", "100.100.100.200"],
  ...["127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192"],
  ...[
    "192.0.2.1",
    "192.168.0.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
  ],
  ...["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16"],
];
const OPEN4 = [
  ...[
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
  ],
  ...["169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255"],
  ...["192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"],
];

describe("the egress policy", () => {
  it("closes what is not the public IPv4 Internet, to the edge of each range", () => {
    const opens = policy();
    for (const address of CLOSED4) assert.equal(opens(address), false, address);
    for (const address of OPEN4) assert.equal(opens(address), true, address);
  });

  it("closes what is not the public IPv6 Internet", () => {
    const opens = policy();
    for (const address of [
      ...["::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "3fff::1"],
      ...["100::1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:808:808::1", "2001:0:1:2:3:4:5:6", "2001:2::1"],
      ...["2001:10::1", "5f00::1", "4000::1", "e000::1", "3ffe::1", "::ffff:0:8.8.8.8", "::8.8.8.8"],
    ]) {
      assert.equal(opens(address), false, address);
    }
    for (const address of ["2606:4700::1", "2a00::1", "2001:4860:4860::8888", "2400:cb00::1", "3ffd::1"]) {
      assert.equal(opens(address), true, address);
    }
  });

  it("judges an IPv4 address the same inside every form that embeds it", () => {
    // Everything opened that only the form closes, so that the address inside decides.
    const opens = policy({
      allow: ["2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96"],
    });
    const forms = (a: number, b: number, c: number, d: number): Record<string, string> => {
      const hex = (x: number, y: number): string => ((x << 8) | y).toString(16);
      const [high, low] = [hex(a, b), hex(c, d)];
      return {
        mapped: `::ffff:${a}.${b}.${c}.${d}`,
        "6to4": `2002:${high}:${low}::1`,
        "Teredo client": `2001:0:808:808:0:0:${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`,
        "Teredo server": `2001:0:${high}:${low}:0:0:f7f7:f7f7`,
        NAT64: `64:ff9b::${high}:${low}`,
        ISATAP: `2a00:1:2:3:0:5efe:${high}:${low}`,
        "ISATAP, global": `2a00:1:2:3:200:5efe:${high}:${low}`,
        translated: `::ffff:0:${high}:${low}`,
      };
    };
    for (const address of ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "255.255.255.255"]) {
      const [a, b, c, d] = parseIp(address)!;
      for (const [form, text] of Object.entries(forms(a!, b!, c!, d!))) {
        assert.equal(opens(text), false, `${form} of ${address}`);
      }
    }
    for (const [form, text] of Object.entries(forms(1, 1, 1, 1))) assert.equal(opens(text), true, form);
  });

  it("closes a mapped address exactly where it closes the address itself", () => {
    const opens = policy({
      allow: ["10.1.0.0/16"],
      deny: ["1.2.0.0/16"],
      ownAddresses: ["5.6.7.8"],
      sitePorts: [8080],
    });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.constantFrom(443, 25, 8080),
        (ip, port) => {
          assert.equal(opens(`::ffff:${formatIp(ip)}`, port), opens(formatIp(ip), port));
        },
      ),
    );
    assert.equal(opens("::ffff:5.6.7.8"), false);
    assert.equal(opens("::ffff:10.1.0.1"), true);
  });

  it("refuses port 25 and what the operator adds, and ports that are none", () => {
    const opens = policy({ denyPorts: [6667], sitePorts: [6667], ownAddresses: ["5.6.7.8"] });
    for (const port of [25, 6667, 0, 65_536, -1]) assert.equal(opens("1.1.1.1", port), false, String(port));
    assert.equal(opens("5.6.7.8", 6667), false);
    assert.equal(opens("1.1.1.1", 65_535), true);
  });

  it("refuses what is blocked on this server, to the edge of each range, and the site's port no less", () => {
    const opens = policy({
      denyPortRanges: [
        { from: 6881, to: 6889 },
        { from: 8080, to: 8080 },
      ],
      sitePorts: [8080],
      ownAddresses: ["5.6.7.8"],
    });
    for (const [port, open] of [
      [6880, true],
      [6881, false],
      [6885, false],
      [6889, false],
      [6890, true],
    ] as const)
      assert.equal(opens("1.1.1.1", port), open, String(port));
    assert.equal(opens("5.6.7.8", 8080), false);
  });

  it("opens by egress.allow what is as narrow as the closed range or narrower, nothing wider", () => {
    assert.equal(policy({ allow: ["10.1.0.0/16"] })("10.1.2.3"), true);
    assert.equal(policy({ allow: ["10.1.0.0/16"] })("10.2.0.0"), false);
    assert.equal(policy({ allow: ["10.0.0.0/8"] })("10.2.0.0"), true);
    assert.equal(policy({ allow: ["0.0.0.0/0"] })("10.2.0.0"), false);
    assert.equal(policy({ allow: ["::/0"] })("::1"), false);
    assert.equal(policy({ allow: ["fd00::/8"] })("fd00::1"), true);
  });

  it("lets egress.deny win over everything", () => {
    const opens = policy({
      allow: ["1.2.3.4/32"],
      deny: ["1.2.0.0/16"],
      ownAddresses: ["1.2.9.9"],
      sitePorts: [80],
    });
    assert.equal(opens("1.2.3.4"), false);
    assert.equal(opens("1.2.9.9", 80), false);
    assert.equal(opens("1.3.0.0"), true);
  });

  it("closes the exit's own addresses but for the site, even inside egress.allow", () => {
    const opens = policy({
      allow: ["10.0.0.0/8"],
      ownAddresses: ["10.0.0.1", "1.1.1.1", "fe80::5%eth0"],
      sitePorts: [8080],
    });
    assert.equal(opens("10.0.0.1"), false);
    assert.equal(opens("1.1.1.1"), false);
    assert.equal(opens("1.1.1.1", 8080), true);
    assert.equal(opens("10.0.0.1", 8080), true);
    assert.equal(opens("1.1.1.2", 8080), true);
  });

  it("never opens loopback for the site's sake", () => {
    const opens = policy({ ownAddresses: ["127.0.0.1", "::1"], sitePorts: [8080] });
    assert.equal(opens("127.0.0.1", 8080), false);
    assert.equal(opens("::1", 8080), false);
  });

  it("has only ranges that are ranges", () => {
    assert.doesNotThrow(() => policy({ allow: [...closedRanges4, ...closedRanges6] }));
    assert.throws(() => policy({ deny: ["nonsense"] }), RangeError);
  });
});

describe("parseHost", () => {
  it("takes addresses, bracketed IPv6 and names", () => {
    assert.deepEqual(parseHost("Example.ORG."), { name: "example.org" });
    assert.deepEqual(parseHost("_dmarc.xn--bcher-kva.example"), { name: "_dmarc.xn--bcher-kva.example" });
    assert.deepEqual(parseHost("1.2.3.4"), { ip: Uint8Array.of(1, 2, 3, 4) });
    assert.deepEqual(parseHost("[2001:db8::1]"), { ip: parseIp("2001:db8::1") });
    assert.deepEqual(parseHost("2001:db8::1"), { ip: parseIp("2001:db8::1") });
  });

  it("refuses odd spellings of addresses, local names and what is no name", () => {
    for (const text of [
      ...[
        "0177.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "127.1",
        "127.0.0.1.1",
        "a.0x",
        "1.2.3.4.",
      ],
      ...["[1.2.3.4]", "fe80::1%eth0", "[fe80::1%25eth0]", "[::1", "::1]"],
      ...[
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
        "x.home.arpa",
      ],
      ...[
        "",
        ".",
        "a..b",
        ".a",
        "-a.example",
        "a-.example",
        "a b",
        "a\0b",
        "a\r\nb",
        "bücher.example",
        "a/b",
        "a:b",
        "a@b",
      ],
      ...[`${"a".repeat(64)}.example`, `${"a.".repeat(127)}example`],
    ]) {
      assert.equal(parseHost(text), undefined, JSON.stringify(text));
    }
    assert.notEqual(parseHost(`${"a".repeat(63)}.example`), undefined);
    assert.notEqual(parseHost("localhost.example"), undefined);
  });
});
