import { ApiMember } from "./api-member.ts";
import { FleetExit } from "./fleet-exit.ts";
import { FleetOffice } from "./fleet-office.ts";
import { FleetWorld } from "./fleet-world.ts";

const CITIES = [
  ["london1", "London", "GB"],
  ["amsterdam1", "Amsterdam", "NL"],
  ["amsterdam2", "Amsterdam", "NL"],
  ["zurich1", "Zurich", "CH"],
] as const;

/** A fleet's world with its office running, and its servers once `join` is through. */
export class FleetScene {
  readonly world: FleetWorld;
  readonly office: FleetOffice;
  readonly exits: FleetExit[];

  private constructor(world: FleetWorld, office: FleetOffice) {
    this.world = world;
    this.office = office;
    this.exits = world.exits.map((machine, index) => new FleetExit(office, machine, CITIES[index]![0]));
  }

  static async open(exits = 4): Promise<FleetScene> {
    const world = await FleetWorld.open(exits);
    try {
      return new FleetScene(world, await FleetOffice.start(world));
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  /** Adds every server and pastes its line there; for each, how long from the paste until it was up, in ms. */
  async join(): Promise<number[]> {
    // As one operator does it: the next line once the server before has taken its own.
    const coming: Promise<number>[] = [];
    for (const [index, exit] of this.exits.entries()) {
      const [, city, countryCode] = CITIES[index]!;
      exit.paste(await exit.invite(this.world.addressOf(exit.machine), city, countryCode));
      const up = exit.up(600_000);
      up.catch(() => {});
      coming.push(up);
      await exit.enrolled();
    }
    return Promise.all(coming);
  }

  async voucher(days = 30): Promise<string> {
    return (await this.office.mustCommand("voucher", "make", "--days", String(days))).trim();
  }

  /** A new member with paid time, who speaks to the site from the internet: the client's way may be a tunnel's. */
  async member(name: string, days = 30): Promise<ApiMember> {
    const member = new ApiMember(this.world.internet, this.office.site, name);
    const { status, text } = await member.signUp(await this.voucher(days));
    if (status !== 201) throw new Error(`${name} could not sign up: ${status} ${text}`);
    return member;
  }

  async close(): Promise<void> {
    await this.office.remove();
    await this.world.close();
  }
}
