import type { Browser } from "playwright-core";
import { startChromium } from "./browser.ts";
import { type Member, signUp } from "./member.ts";
import { Provider } from "./provider.ts";
import { World } from "./world.ts";

/** A world with Lethe running on its exit, and a browser on client 2 through which members sign up. */
export class Scene {
  readonly world: World;
  readonly provider: Provider;
  readonly browser: Browser;
  readonly #members = new Map<string, Promise<Member>>();

  private constructor(world: World, provider: Provider, browser: Browser) {
    this.world = world;
    this.provider = provider;
    this.browser = browser;
  }

  static async open(): Promise<Scene> {
    const world = await World.open();
    try {
      const provider = new Provider(world);
      await provider.start();
      return new Scene(world, provider, await startChromium(world.client2, world.folder));
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  /** The member of that name, signed up with 30 paid days the first time it is asked for. */
  member(name: string): Promise<Member> {
    let member = this.#members.get(name);
    if (member === undefined) {
      member = this.voucher().then((voucher) =>
        signUp(this.browser, this.provider.siteAddress, name, voucher),
      );
      this.#members.set(name, member);
    }
    return member;
  }

  /** Every member so far. */
  members(): Promise<Member[]> {
    return Promise.all(this.#members.values());
  }

  async voucher(): Promise<string> {
    return (await this.provider.mustCommand("voucher", "make", "--days", "30")).trim();
  }

  async close(): Promise<void> {
    await this.browser.close().catch(() => {});
    await this.provider.remove();
    await this.world.close();
  }
}
