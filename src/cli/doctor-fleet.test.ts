import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server } from "node:net";
import { test } from "node:test";
import { parseConfig } from "../office/config.ts";
import { checkDatabase, checkLink, exitCertificateFindings } from "./doctor-fleet.ts";

/** A server on loopback that says this to everybody. */
async function saying(text: string): Promise<{ server: Server; place: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    if (text === "") socket.end();
    else socket.write(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, place: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("the link's port is free, ours, or another program's", async () => {
  for (const [text, state, found] of [
    ['INFO {"server_id":"X","server_name":"link"}\r\n', "good", /nats-server is there/],
    ['INFO {"server_id":"X","server_name":"other"}\r\n', "note", /another program/],
    ["SSH-2.0-x\r\n", "note", /another program/],
    ["", "note", /another program/],
  ] as const) {
    const { server, place } = await saying(text);
    const [finding] = await checkLink({ link: { listen: place, hosts: [], url: [] } });
    assert.equal(finding?.state, state, text);
    assert.match(finding.found, found);
    const [cluster] = await checkLink({
      link: { listen: "0.0.0.0:4222", hosts: [], url: [`tls://${place}`] },
    });
    assert.equal(cluster?.state, text.startsWith("INFO") ? "good" : "bad");
    server.close();
    const [free] = await checkLink({ link: { listen: place, hosts: [], url: [] } });
    assert.match(free?.found ?? "", /is free|not installed/);
    const [gone] = await checkLink({ link: { listen: "0.0.0.0:4222", hosts: [], url: [`tls://${place}`] } });
    assert.match(gone?.found ?? "", /cannot be reached/);
  }
});

test("a database that cannot be had is told in the store's own words", async () => {
  assert.equal((await checkDatabase("/nowhere", { store: { url: "" } })).state, "good");
  const finding = await checkDatabase("/nowhere", {
    store: { url: "postgres://lethe@127.0.0.1:1/lethe?sslmode=disable" },
  });
  assert.equal(finding.state, "bad");
  assert.match(finding.found, /cannot be reached/);
});

test("what keeps servers' proxies over TLS away is said, and what to do depends on where their certificates come from", () => {
  const found = (toml: string, publicCertificate?: object, local = false) =>
    exitCertificateFindings(parseConfig(toml, "lethe.toml"), [
      { name: "london1", local, ...(publicCertificate && { publicCertificate }) },
    ]).map(({ found, remedy }) => `${found} → ${remedy}`);
  assert.match(found("").join(), /offered on no other server.*set tls\.exits/);
  assert.deepEqual(found("", undefined, true), []);
  assert.deepEqual(found("[https_proxy]\nlisten = []\n[socks5_tls]\nlisten = []\n"), []);
  const files = '[tls]\nexits = "files"\n';
  assert.deepEqual(found(files, { until: 2_000_000_000, files: true }), []);
  assert.match(
    found(files, { problem: "no-files" }).join(),
    /^london1: no certificate: no files were put on the server → put fullchain\.pem/,
  );
  assert.match(
    found(files, { until: 2_000_000_000, problem: "files-names" }).join(),
    /^london1: certificate until 2033-05-18: the certificate in the files .* does not bear its host → put/,
  );
  assert.match(
    found(
      '[site]\nlisten = ["0.0.0.0:443", "0.0.0.0:80"]\n[tls]\nacme = "https://ca.example.net/dir"\nnames = ["vpn.example.net"]\nexits = true\n',
      { until: 2_000_000_000, problem: "port-taken" },
    ).join(),
    /^london1: certificate until 2033-05-18, not renewed: another program has its port 80 → .*port 80 open/,
  );
});
