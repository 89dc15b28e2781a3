import type { Namespace } from "./namespace.ts";
import type { VpnLogin } from "./openvpn-client.ts";

/** An answer of the JSON API; `status` is 0 where none came. */
export interface ApiAnswer {
  status: number;
  json: Record<string, unknown>;
  text: string;
}

/** Asks the site's JSON API from a namespace, with curl; body and token go over its standard input. */
export async function askApi(
  from: Namespace,
  site: string,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  options: { token?: string; body?: object; maxSeconds?: number } = {},
): Promise<ApiAnswer> {
  const lines = [
    `url = "${site}${path}"`,
    `request = "${method}"`,
    ...(options.token === undefined ? [] : [`header = "authorization: Bearer ${options.token}"`]),
    ...(options.body === undefined
      ? []
      : [
          'header = "content-type: application/json"',
          `data = ${JSON.stringify(JSON.stringify(options.body))}`,
        ]),
  ];
  const argv = [
    "curl",
    "-s",
    "--max-time",
    String(options.maxSeconds ?? 60),
    "-w",
    "\n%{http_code}",
    "-K",
    "-",
  ];
  const { stdout } = await from.run(argv, { input: `${lines.join("\n")}\n` });
  const end = stdout.lastIndexOf("\n");
  const text = stdout.slice(0, Math.max(end, 0));
  let json: Record<string, unknown> = {};
  try {
    json = JSON.parse(text);
  } catch {
    // a profile, or no answer
  }
  return { status: Number(stdout.slice(end + 1)), json, text };
}

/** A member who does everything over the API. */
export class ApiMember {
  readonly name: string;
  readonly password: string;
  readonly #from: Namespace;
  readonly #site: string;
  #token = "";

  constructor(from: Namespace, site: string, name: string) {
    this.#from = from;
    this.#site = site;
    this.name = name;
    this.password = `the long password of ${name}`;
  }

  async signUp(voucher?: string): Promise<ApiAnswer> {
    const { name, password } = this;
    const body = { name, password, ...(voucher === undefined ? {} : { voucher }) };
    return this.#keepToken(await this.ask("POST", "/api/v1/accounts", body));
  }

  async logIn(): Promise<ApiAnswer> {
    const { name, password } = this;
    return this.#keepToken(await this.ask("POST", "/api/v1/tokens", { name, password }));
  }

  #keepToken(answer: ApiAnswer): ApiAnswer {
    if (answer.status === 201) this.#token = String(answer.json.token);
    return answer;
  }

  redeem(voucher: string): Promise<ApiAnswer> {
    return this.ask("POST", "/api/v1/account/vouchers", { voucher });
  }

  account(): Promise<ApiAnswer> {
    return this.ask("GET", "/api/v1/account");
  }

  /** VPN username and password, and the profile of a server. Throws where the site does not give them. */
  async vpn(server: string): Promise<VpnLogin> {
    const [credentials, profile] = await Promise.all([
      this.ask("GET", "/api/v1/account/credentials"),
      this.ask("GET", `/api/v1/account/openvpn/${server}`),
    ]);
    if (credentials.status !== 200 || profile.status !== 200) {
      throw new Error(`the site answers ${credentials.status} ${credentials.text}; ${profile.status}`);
    }
    const { vpnUsername, vpnPassword } = credentials.json;
    return { username: String(vpnUsername), password: String(vpnPassword), profile: profile.text };
  }

  /** Writes what stands at a path of the member's into a file. Throws where the site does not give it. */
  async download(path: string, file: string): Promise<void> {
    const lines = [`url = "${this.#site}${path}"`, `header = "authorization: Bearer ${this.#token}"`];
    const argv = ["curl", "-sf", "--max-time", "60", "-o", file, "-K", "-"];
    const { code } = await this.#from.run(argv, { input: `${lines.join("\n")}\n` });
    if (code !== 0) throw new Error(`the site does not give ${path}`);
  }

  ask(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object): Promise<ApiAnswer> {
    const token = this.#token === "" ? {} : { token: this.#token };
    return askApi(this.#from, this.#site, method, path, {
      ...token,
      ...(body === undefined ? {} : { body }),
    });
  }
}
