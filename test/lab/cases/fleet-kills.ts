import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiMember } from "../api-member.ts";
import type { FleetScene } from "../fleet-scene.ts";
import { PATIENCE_MS, signalIfAlive, until } from "../namespace.ts";
import { OpenVpnClient, type VpnLogin } from "../openvpn-client.ts";
import { seenAddress } from "../probes.ts";
import { curlThrough } from "../proxy-client.ts";

/** `npm run test:lab:long` kills each by itself, too. */
const LONG = process.env.LETHE_LAB_LONG === "1";
const VOUCHER_DAYS = 30;
const DAY_MS = 86_400_000;

/** One who signs up, logs in and redeems, and tries again whenever no answer comes, as people do. */
class Buyer {
  readonly member: ApiMember;
  readonly #vouchers: string[];
  /** Answers that said "counted". */
  counted = 0;
  unanswered = 0;
  left: string[];

  constructor(member: ApiMember, vouchers: string[]) {
    this.member = member;
    this.#vouchers = vouchers;
    this.left = [...vouchers];
  }

  /** Until `isOver`, or every voucher is through. */
  async run(isOver: () => boolean): Promise<void> {
    let known = false;
    while (!known && !isOver()) {
      const { status } = await this.member.signUp();
      // 422: the name is taken, by us: the answer to an earlier try was lost.
      known = status === 201 || (status === 422 && (await this.member.logIn()).status === 201);
      if (!known) await this.#pause(status);
    }
    while (this.left.length > 0 && !isOver()) {
      const { status } = await this.member.redeem(this.left[0]!);
      if (status === 200) this.counted += 1;
      if (status === 401) await this.member.logIn();
      // 422: it is used, and by nobody but us.
      if (status === 200 || status === 422) this.left.shift();
      else await this.#pause(status);
      await this.member.logIn();
    }
  }

  async #pause(status: number): Promise<void> {
    this.unanswered += 1;
    await sleep(status === 429 ? 2000 : 200);
  }

  get all(): readonly string[] {
    return this.#vouchers;
  }
}

/** Everything is killed in turn and at once while members sign up, log in and redeem. */
export function killCases(scene: () => FleetScene): void {
  describe("kill -9 of office, nats-server, PostgreSQL and exits, in turn and all at once", () => {
    test("nothing is lost, nothing counts twice, who is online stays", async (context) => {
      const { world, office, exits } = scene();
      const online = await scene().member("online.lab");
      const vpn = await online.vpn(exits[0]!.name);
      const getsIn = async (login: VpnLogin, index: number) => {
        const address = world.addressOf(exits[index]!.machine);
        return (await seenAddress(world.internet, ...curlThrough("socks5", login, address))) === address;
      };
      await until("the member at the exit", PATIENCE_MS, () => getsIn(vpn, 0));
      const made = await office.mustCommand(
        "voucher",
        "make",
        "--days",
        String(VOUCHER_DAYS),
        "--count",
        "48",
      );
      const codes = made.split("\n").filter((line) => line.trim() !== "");
      assert.equal(codes.length, 48);
      const buyers = Array.from(
        { length: 4 },
        (_, index) =>
          new Buyer(
            new ApiMember(world.internet, office.site, `buyer${index}.lab`),
            codes.slice(index * 12, index * 12 + 12),
          ),
      );
      let over = false;
      let buying: Promise<unknown> = Promise.resolve();

      const client = OpenVpnClient.start(world.client, world.folder, vpn);
      const kill = async (machine: typeof world.office, pattern: RegExp) => {
        const pids = await until(
          () => `something to kill: ${pattern}\n${office.output}`,
          PATIENCE_MS,
          async () => {
            const found = await machine.pidsMatching(pattern);
            return found.length > 0 && found;
          },
        );
        for (const pid of pids) signalIfAlive(pid, "SIGKILL");
      };
      const killOffice = () => kill(world.office, /src\/office\/main\.ts/);
      const killNats = () => kill(world.office, /nats-server/);
      const killExits = async () => {
        for (const { machine } of exits) await kill(machine, /exit\.mjs/);
      };
      const killPostgres = async () => {
        await office.postgres.crash();
        await sleep(500);
        await office.postgres.start();
      };
      const answers = () =>
        until("the site", 2 * PATIENCE_MS, async () => (await online.account()).status === 200, 250);
      try {
        await client.online();
        // Not before: on a fast machine they would be through when the first kill comes.
        buying = Promise.all(buyers.map((buyer) => buyer.run(() => over)));
        const rounds: [string, () => Promise<void>][] = [
          ["office", killOffice],
          ["PostgreSQL", killPostgres],
          ["nats-server", killNats],
          ["exits", killExits],
          [
            "all at once, the office's supervisor with it",
            async () => {
              await Promise.all([
                killExits(),
                killPostgres(),
                kill(world.office, /src\/(cli|office|exit)\/|nats-server/),
              ]);
              // What a service manager does.
              await office.launch();
            },
          ],
        ];
        for (const [what, killIt] of LONG ? rounds : rounds.slice(-1)) {
          const startedMs = performance.now();
          await killIt();
          await answers();
          await until(`a login at an exit after ${what}`, 2 * PATIENCE_MS, () => getsIn(vpn, 0), 250);
          context.diagnostic(
            `${what}: site and logins after ${Math.round(performance.now() - startedMs)} ms`,
          );
        }
        const enough = new AbortController();
        const late = sleep(30_000, undefined, { signal: enough.signal }).catch(() => {});
        await Promise.race([buying, late]);
        enough.abort();
        over = true;
        await buying;

        const newcomer = await scene().member("newcomer.lab");
        const newVpn = await newcomer.vpn(exits[0]!.name);
        await until("a change at every exit", 2 * PATIENCE_MS, async () =>
          (await Promise.all(exits.map((_, index) => getsIn(newVpn, index)))).every(Boolean),
        );

        const unanswered = buyers.reduce((sum, buyer) => sum + buyer.unanswered, 0);
        const counted = buyers.reduce((sum, buyer) => sum + buyer.counted, 0);
        context.diagnostic(`${counted} answers "counted", ${unanswered} tries without an answer`);
        assert.ok(unanswered > 0, "control: the kills hit requests");
        let used = 0;
        let days = 0;
        const auditor = await scene().member("auditor.lab");
        for (const buyer of buyers) {
          assert.equal((await buyer.member.logIn()).status, 201);
          const { json } = await buyer.member.account();
          days += Math.round((Date.parse(String(json.paidUntil)) - Date.now()) / DAY_MS);
          const done = buyer.all.length - buyer.left.length;
          used += done;
          assert.ok(buyer.counted <= done);
          for (const code of buyer.left) {
            // Not answered when the time was over: it may have counted or not, and never both.
            const answer = await auditor.redeem(code);
            if (answer.status !== 200) used += 1;
          }
        }
        assert.equal(days, used * VOUCHER_DAYS, "each voucher counted once");

        assert.equal(client.ended, false);
        assert.equal(
          client.output.filter((line) => /Initialization Sequence Completed/.test(line)).length,
          1,
        );
        assert.equal(await seenAddress(world.client), world.addressOf(exits[0]!.machine), "the same session");
      } finally {
        over = true;
        await buying.catch(() => {});
        await client.stop();
      }
    });
  });
}
