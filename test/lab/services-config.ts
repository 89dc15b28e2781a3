import { tmpdir } from "node:os";
import { join } from "node:path";
import { lab } from "./addresses.ts";
import { fleet } from "./fleet-world.ts";
import { ports } from "./provider.ts";

/** Where the case of the blocklists puts them. */
export const BLOCKLIST_FOLDER = join(tmpdir(), `lethe-lab-blocklists-${process.pid}`);

/** lethe.toml of the services' world; a server that joins takes its services from here, too. */
export const servicesConfig = `[site]
name = "Lab VPN"
listen = ["${fleet.office.v4}:${ports.site}", "[${fleet.office.v6}]:${ports.site}"]
url = "http://${fleet.office.v4}:${ports.site}"

[server]
name = "berlin1"
host = "berlin1.lab.example"
addresses = ["${fleet.office.v4}", "${fleet.office.v6}"]
city = "Berlin"
country = "Germany"
country_code = "DE"
bandwidth_mbit = 100

[link]
hosts = ["${fleet.office.v4}"]

[openvpn]
udp = ["0.0.0.0:${ports.openvpn}", "[::]:${ports.openvpn}", "0.0.0.0:443", "[::]:443"]
tcp = ["0.0.0.0:${ports.openvpn}", "[::]:${ports.openvpn}", "0.0.0.0:443", "[::]:443"]

[stealth]
tls = ["0.0.0.0:443", "[::]:443"]
obfs4 = ["0.0.0.0:8444", "[::]:8444"]

[socks5]
listen = ["0.0.0.0:${ports.socks5}"]

[http_proxy]
listen = ["0.0.0.0:${ports.http}"]

[vpn]
port_forwarding = true

[blocklists]
ads = ["${BLOCKLIST_FOLDER}/ads.txt"]
malware = ["${BLOCKLIST_FOLDER}/malware.txt"]
adult = ["${BLOCKLIST_FOLDER}/adult.txt"]

[dns]
forward = ["${lab.internet.resolver}"]
validate = false

[limits]
sessions_per_credential = 3

[egress]
allow = ["198.18.0.0/16", "2001:db8:100::/48", "192.0.2.0/24", "${fleet.office.v6}/128"]
`;
