import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lab } from "./addresses.ts";
import { ApiMember } from "./api-member.ts";
import { FleetExit, lineIn } from "./fleet-exit.ts";
import { FleetOffice } from "./fleet-office.ts";
import { FleetWorld, fleet } from "./fleet-world.ts";
import type { Machine } from "./machine.ts";
import { until } from "./namespace.ts";
import { DEVICELESS, OpenVpnClient } from "./openvpn-client.ts";
import { movePaidTime } from "./paid-time.ts";
import { servicesConfig } from "./services-config.ts";

const EXPIRED = "expired.lab";

/** An exit as its members know it. */
export interface LabExit {
  name: string;
  host: string;
  v4: string;
  v6: string;
  machine: Machine;
}

/**
 * Every service on two exits: `berlin1`, the office's own machine, and `oslo1`, which joined by a pasted line. Two clients,
 * IPv6 everywhere. See services-config.ts for the settings, cases/ for what is tried.
 */
export class ServicesScene {
  readonly world: FleetWorld;
  readonly office: FleetOffice;
  readonly berlin: LabExit;
  readonly oslo: LabExit;
  readonly osloProcess: FleetExit;
  #expiresAtMs = 0;
  readonly #members = new Map<string, Promise<ApiMember>>();

  private constructor(world: FleetWorld, office: FleetOffice) {
    this.world = world;
    this.office = office;
    const [machine] = world.exits;
    this.berlin = exitOf("berlin1", world.office, fleet.office);
    this.oslo = exitOf("oslo1", machine!, fleet.exit(0));
    this.osloProcess = new FleetExit(office, machine!, "oslo1");
  }

  static async open(): Promise<ServicesScene> {
    const world = await FleetWorld.open(1, { ipv6: true });
    try {
      const scene = new ServicesScene(world, await FleetOffice.startAlone(world, servicesConfig));
      // In this order: a server that has a roster does not ask at once what an office changed while it was away.
      await scene.#letExpire();
      await scene.#join();
      return scene;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  get exits(): [LabExit, LabExit] {
    return [this.berlin, this.oslo];
  }

  async #join(): Promise<void> {
    const { host, v4, v6 } = this.oslo;
    const printed = await this.office.mustCommand(
      ...["server", "add", "oslo1", "--host", host, "--city", "Oslo", "--country-code", "NO"],
      ...["--address", v4, "--address", v6, "--bandwidth", "100"],
    );
    this.osloProcess.paste(lineIn(printed));
    await this.osloProcess.enrolled();
    await this.osloProcess.up(300_000);
    // And the office's own, whose services are tested in its own minute.
    await until("berlin1 to be well", 300_000, async () =>
      (await this.office.servers()).some(
        ({ name, news, services }) =>
          name === "berlin1" && news === "up" && services.every(({ healthy }) => healthy),
      ),
    );
  }

  async voucher(days = 30): Promise<string> {
    return (await this.office.mustCommand("voucher", "make", "--days", String(days))).trim();
  }

  /**
   * The member of that name, signed up with 30 paid days the first time it is asked for; speaks to the site from the
   * internet, since the clients' way may be a tunnel's.
   */
  member(name: string): Promise<ApiMember> {
    const known = this.#members.get(name);
    if (known !== undefined) return known;
    const made = this.newMember(name);
    this.#members.set(name, made);
    return made;
  }

  async newMember(name: string, days = 30): Promise<ApiMember> {
    const member = new ApiMember(this.world.internet, this.office.site, name);
    const { status, text } = await member.signUp(await this.voucher(days));
    if (status !== 201) throw new Error(`${name} could not sign up: ${status} ${text}`);
    return member;
  }

  /** A member whose paid time is over, in the exits' eyes too: not one whom they no longer know. */
  async expired(): Promise<ApiMember> {
    await sleep(Math.max(0, this.#expiresAtMs - Date.now() + 1000));
    return this.member(EXPIRED);
  }

  async #letExpire(): Promise<void> {
    await this.member(EXPIRED);
    // The exit has to hear of it as of one who has paid, however slow the restart is.
    this.#expiresAtMs = Math.ceil((Date.now() + 60_000) / 60_000) * 60_000;
    movePaidTime(join(this.office.data, "office", "lethe.db"), EXPIRED, this.#expiresAtMs / 1000);
    await this.office.restart();
  }

  /** `count` OpenVPN sessions of a member on an exit, held by clients without a device until the function is called. */
  async holdSessions(member: ApiMember, exit: LabExit, count: number): Promise<() => Promise<void>> {
    const vpn = await member.vpn(exit.name);
    // The internet's own namespace asks no resolver.
    const login = { ...vpn, profile: vpn.profile.replaceAll(exit.host, exit.v4) };
    const clients = Array.from({ length: count }, () =>
      OpenVpnClient.start(this.world.internet, this.world.folder, login, ...DEVICELESS),
    );
    const release = async (): Promise<void> => {
      await Promise.all(clients.map((client) => client.stop()));
    };
    try {
      await Promise.all(clients.map((client) => client.online()));
      return release;
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** The VPN username and password of `member`. */
  async login(member: ApiMember): Promise<{ username: string; password: string }> {
    const { username, password } = await member.vpn("berlin1");
    return { username, password };
  }

  async close(): Promise<void> {
    await this.office.remove();
    await this.world.close();
  }
}

/** The addresses that the internet sees clients come from where nothing hides them. */
export const clientAddresses = { client: fleet.client, client2: fleet.client2, web: lab.internet } as const;

const exitOf = (name: string, machine: Machine, { v4, v6 }: { v4: string; v6: string }): LabExit => ({
  name,
  host: `${name}.lab.example`,
  v4,
  v6,
  machine,
});
