import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { isIPv6 } from "node:net";
import { CHECKING_DISABLED, DNSSEC_OK, decode, encode, RECURSION_DESIRED } from "dns-packet";
import type { Config } from "../office/config.ts";
import { bad, type Finding, good, note } from "./finding.ts";

const ROOT_SERVER = "198.41.0.4"; // a.root-servers.net
const ANSWER_WITHIN_MS = 2000;
const TRIES = 2;
const DNS_PORT = 53;

/** Whether names can be looked up, by whoever is asked, and whether the answers can be validated. */
export async function checkDns({ dns }: Pick<Config, "dns">, port = DNS_PORT): Promise<Finding[]> {
  const { forward, validate } = dns;
  if (forward.length === 0) {
    const ignored = note(
      "DNS",
      "dns.validate = false changes nothing: without dns.forward our resolver validates what it finds by itself",
      "take it out of lethe.toml",
    );
    return [await checkRootServer(), ...(validate ? [] : [ignored])];
  }
  const found = await Promise.all(
    forward.map(async (address) => ({ address, ...(await asked(address, port)) })),
  );
  const silent = found.filter(({ answers }) => !answers).map(({ address }) => address);
  if (silent.length === forward.length)
    return [
      bad(
        "DNS",
        `no answer from the resolvers in dns.forward (${silent.join(", ")})`,
        "name others in lethe.toml, or none: then our resolver asks the root servers itself",
      ),
    ];
  const findings = silent.map((address) =>
    note("DNS", `no answer from ${address} of dns.forward`, "take it out of lethe.toml, or name another"),
  );
  const stripping = found.filter(({ answers, signs }) => answers && !signs).map(({ address }) => address);
  if (!validate)
    return [
      ...findings,
      stripping.length > 0
        ? note(
            "DNS",
            `what ${stripping.join(", ")} of dns.forward says is believed (dns.validate = false): it passes no signatures on (DNSSEC)`,
            "name resolvers that do, or none, and take dns.validate out",
          )
        : note(
            "DNS",
            "the resolvers in dns.forward pass signatures on (DNSSEC), and are believed without them (dns.validate = false)",
            "take dns.validate out of lethe.toml",
          ),
    ];
  if (stripping.length > 0)
    return [
      ...findings,
      bad(
        "DNS",
        `${stripping.join(", ")} of dns.forward passes no signatures on (DNSSEC): what it says cannot be validated, and members get no answer`,
        "name others in lethe.toml, or none; dns.validate = false believes what they say, forged answers too",
      ),
    ];
  return [...findings, good("DNS", `the resolvers in dns.forward answer, with signatures (DNSSEC)`)];
}

async function checkRootServer(): Promise<Finding> {
  const resolver = new Resolver({ timeout: ANSWER_WITHIN_MS, tries: TRIES });
  resolver.setServers([ROOT_SERVER]);
  try {
    await resolver.resolveNs(".");
    return good("DNS", "a root name server answers");
  } catch {
    return bad(
      "DNS",
      "no answer from a root name server",
      "let UDP and TCP port 53 out of this machine, or name resolvers in dns.forward",
    );
  }
}

/** What a resolver says of the root, asked as one that validates does (RFC 4035 section 4.1). */
async function asked(address: string, port: number): Promise<{ answers: boolean; signs: boolean }> {
  const id = randomInt(0x10000);
  const question = encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED | CHECKING_DISABLED,
    questions: [{ type: "SOA", name: "." }],
    additionals: [
      {
        name: ".",
        type: "OPT",
        udpPayloadSize: 1232,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: DNSSEC_OK,
        flag_do: true,
        options: [],
      },
    ],
  });
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  const { promise, resolve } = Promise.withResolvers<{ answers: boolean; signs: boolean }>();
  let tries = 0;
  let connected = false;
  const ask = (): void => {
    tries += 1;
    if (tries > TRIES) resolve({ answers: false, signs: false });
    else if (connected) socket.send(question);
  };
  socket.on("error", () => {});
  socket.on("message", (bytes) => {
    try {
      const { id: answered, answers = [] } = decode(bytes);
      if (answered !== id) return;
      const has = (type: string): boolean => answers.some((answer) => answer.type === type);
      resolve({ answers: true, signs: has("SOA") && has("RRSIG") });
    } catch {
      // not a DNS message: the next one may be
    }
  });
  // Connected, so that the kernel drops whatever another address sends.
  socket.connect(port, address, () => {
    connected = true;
    ask();
  });
  const timer = setInterval(ask, ANSWER_WITHIN_MS);
  const found = await promise;
  clearInterval(timer);
  socket.close();
  return found;
}
