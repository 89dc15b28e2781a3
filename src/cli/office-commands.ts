import type { Command } from "commander";
import type { AccountView } from "../accounts/account-view.ts";
import { randomPassword } from "../lib/random-password.ts";
import { LIFETIMES } from "../policy/lifetimes.ts";
import type { InventoryEntry } from "../store/inventory.ts";
import { wholeNumber } from "./arguments.ts";
import { UsageError } from "./start-error.ts";
import { readPassword, show } from "./terminal.ts";

/** How these commands reach the running office. */
export interface Office {
  ask<Answer>(method: "GET" | "POST", path: string, body?: object): Promise<Answer>;
  /** Whether --json was given. */
  json(): boolean;
}

const DAYS_MOST = 3660;

export function addVoucherCommands(program: Command, office: Office): void {
  const voucher = program
    .command("voucher")
    .description("codes that members redeem for paid time, and coupons that take something off a price");
  voucher
    .command("make")
    .description("make codes and print them, once: only a hash of each is kept")
    .option("--days <n>", "gift cards: days of access that each is good for (30)", wholeNumber(1, DAYS_MOST))
    .option("--percent <n>", "coupons instead: what each takes off an order", wholeNumber(1, 100))
    .option("--uses <n>", "coupons: how many orders each is good for (1)", wholeNumber(1, 1_000_000))
    .option("--plan <id>", "coupons: for this plan only")
    .option("--valid <days>", "coupons: good for so many days (three years)", wholeNumber(1, 3 * 365))
    .option("--count <n>", "how many", wholeNumber(1, 10_000), 1)
    .action(
      async (options: {
        days?: number;
        percent?: number;
        uses?: number;
        plan?: string;
        valid?: number;
        count: number;
      }) => {
        const { days, percent, uses, plan, valid, count } = options;
        const forCoupons = uses !== undefined || plan !== undefined || valid !== undefined;
        if (days !== undefined && (percent !== undefined || forCoupons))
          throw new UsageError("Give --days for gift cards, or --percent for coupons; not both.");
        if (forCoupons && percent === undefined)
          throw new UsageError("--uses, --plan and --valid are for coupons: say --percent, too.");
        const request =
          percent === undefined
            ? { days: days ?? 30, count }
            : {
                percent,
                uses: uses ?? 1,
                count,
                ...(plan !== undefined && { plan }),
                ...(valid !== undefined && { validDays: valid }),
              };
        const answer = await office.ask<{ codes: string[] }>("POST", "/vouchers", request);
        show(office.json(), answer, answer.codes.join("\n"));
      },
    );
  voucher
    .command("count")
    .description(
      `how many are not used yet, and how many of those used are still known (${LIFETIMES.usedVoucher.days} days and to the end of the month)`,
    )
    .action(async () => {
      const counts = await office.ask<{ unused: number; used: number }>("GET", "/vouchers/counts");
      const text = `  not used yet               ${counts.unused}\n  used, and still known      ${counts.used}`;
      show(office.json(), counts, text);
    });
}

export function addAccountCommands(program: Command, office: Office): void {
  const account = program.command("account").description("members' accounts");
  const verb = (name: string, description: string) =>
    account.command(name).argument("<username>").description(description);

  verb("add", "make an account; the password is asked for, or read from standard input")
    .option("--days <n>", "give it days of access", wholeNumber(1, DAYS_MOST))
    .option("--email <address>", "an e-mail address, where the member wants one")
    .option("--generate-password", "make a random password and print it")
    .action(async (name: string, options: { days?: number; email?: string; generatePassword?: boolean }) => {
      const { days, email, generatePassword } = options;
      const password = generatePassword ? randomPassword() : await readPassword("Password for the account: ");
      const body = { name, password, ...(days && { days }), ...(email !== undefined && { email }) };
      const made = await office.ask<AccountView>("POST", "/accounts/add", body);
      const given = generatePassword ? { ...made, password } : made;
      show(office.json(), given, `${textOf(made)}${generatePassword ? `\n  password      ${password}` : ""}`);
    });
  verb("show", "what is stored about an account").action(async (name: string) => {
    const view = await office.ask<AccountView & { devices: number }>("POST", "/accounts/show", { name });
    show(
      office.json(),
      view,
      `${textOf(view)}\n  WireGuard     ${view.devices === 1 ? "1 device" : `${view.devices} devices`}`,
    );
  });
  account
    .command("find")
    .argument("<vpn-username>", "as somebody has published it")
    .description("whose VPN credentials these are, so that they can be cut off")
    .action(async (vpnUsername: string) => {
      const view = await office.ask<AccountView>("POST", "/accounts/find", { vpnUsername });
      show(office.json(), view, textOf(view));
    });
  verb("extend", "add days to an account's paid time")
    .requiredOption("--days <n>", "how many", wholeNumber(1, DAYS_MOST))
    .action(async (name: string, { days }: { days: number }) => {
      const view = await office.ask<AccountView>("POST", "/accounts/extend", { name, days });
      show(office.json(), view, textOf(view));
    });
  verb(
    "terminate",
    `end access now, on every service; the account is deleted after ${LIFETIMES.unpaidAccount.days + 1} days`,
  ).action(async (name: string) => {
    const view = await office.ask<AccountView>("POST", "/accounts/terminate", { name });
    show(office.json(), view, "Terminated: no new login, and live sessions end within two seconds.");
  });
  verb("reinstate", "take a termination back").action(async (name: string) => {
    const view = await office.ask<AccountView>("POST", "/accounts/reinstate", { name });
    show(office.json(), view, "Access is back, as far as it is paid.");
  });
  account
    .command("renew")
    .argument("[username]")
    .description("draw new VPN credentials; the old ones stop at once")
    .option("--all", "for every account, for instance after a server was seized")
    .action(async (name: string | undefined, { all }: { all?: boolean }) => {
      if ((name === undefined) === !all) throw new UsageError("Name one account, or give --all.");
      const answer = all
        ? await office.ask<{ renewed: number }>("POST", "/accounts/renew-all", {})
        : await office.ask<{ renewed: number }>("POST", "/accounts/renew", { name });
      const accounts = `${answer.renewed} ${answer.renewed === 1 ? "account" : "accounts"}`;
      show(office.json(), answer, `New VPN credentials for ${accounts}. Every device needs the new ones.`);
    });
  verb("delete", "delete an account and all that is stored about it, now")
    .requiredOption("--yes", "it cannot be undone")
    .action(async (name: string) => {
      const answer = await office.ask<{ deleted: string }>("POST", "/accounts/delete", { name });
      show(office.json(), answer, "Deleted.");
    });
}

export function addInventoryCommand(program: Command, office: Office): void {
  program
    .command("inventory")
    .description("everything that is stored: what, why, and how long")
    .action(async () => {
      const answer = await office.ask<{ entries: InventoryEntry[] }>("GET", "/inventory");
      const text = answer.entries.map(({ place, table, column, what, purpose, lifetime }) =>
        [
          `${place} ${table}${column === "" ? "" : `.${column}`}`,
          `  what      ${what}`,
          `  purpose   ${purpose}`,
          `  lifetime  ${lifetime}\n`,
        ].join("\n"),
      );
      show(office.json(), answer.entries, text.join("\n"));
    });
}

function textOf(view: AccountView): string {
  const time = (seconds: number) =>
    `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const paid = view.paidUntil === undefined ? "never" : time(view.paidUntil);
  return [
    `  username      ${view.name}`,
    `  e-mail        ${view.email === undefined ? "none given" : `${view.email} (${view.emailVerified ? "confirmed" : "not confirmed"})`}`,
    `  paid until    ${paid}${view.terminated ? " (terminated: no access)" : ""}`,
    ...(view.renews ? ["  subscription  one runs at PayPal"] : []),
    `  deleted after ${time(view.deleteAfter)}`,
  ].join("\n");
}
