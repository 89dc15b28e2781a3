import type { Command } from "commander";
import type { CashView } from "../web/control/cash.ts";
import type { Office } from "./office-commands.ts";
import { readCode, show } from "./terminal.ts";

type WholeView = CashView & { kind: "account" | "voucher" };

/** `lethe cash`: what the operator does with envelopes. A code is asked for: other users of a machine see a command's words. */
export function addCashCommands(program: Command, office: Office): void {
  const cash = program
    .command("cash")
    .description("envelopes with cash; a code is asked for, or read from standard input");
  const ask = () => readCode("Code on the paper: ");
  cash
    .command("list")
    .description("orders that wait for an envelope; their codes are stored nowhere")
    .action(async () => {
      const { orders } = await office.ask<{ orders: CashView[] }>("GET", "/cash");
      const lines = orders.map((order) => `${order.ordered}  ${order.price.padStart(12)}  ${order.plan}`);
      show(office.json(), orders, lines.length === 0 ? "No order waits for cash." : lines.join("\n"));
    });
  cash
    .command("show")
    .description("what an envelope's code was ordered for")
    .action(async () => {
      const order = await office.ask<WholeView>("POST", "/cash/look", { code: await ask() });
      show(office.json(), order, textOf(order));
    });
  cash
    .command("book")
    .description(
      "the money has come: extends the account, or makes the voucher ready for whoever has the code",
    )
    .option(
      "--amount <money>",
      'what was in the envelope, such as "5.00 EUR"; the price where it is left out',
    )
    .action(async ({ amount }: { amount?: string }) => {
      const body = { code: await ask(), ...(amount !== undefined && { amount }) };
      const booked = await office.ask<WholeView & { already: boolean }>("POST", "/cash/book", body);
      const what = booked.already ? "That was booked before; nothing was done now." : "Booked.";
      show(office.json(), booked, `${what}\n${textOf(booked)}`);
    });
  cash
    .command("cancel")
    .description("forget an order whose money will not come")
    .action(async () => {
      const done = await office.ask<object>("POST", "/cash/cancel", { code: await ask() });
      show(office.json(), done, "The order is forgotten, and its code worth nothing.");
    });
}

const textOf = ({ plan, days, price, ordered, kind }: WholeView): string =>
  [
    `  for      ${kind === "account" ? "an account" : "a voucher"}`,
    `  plan     ${plan} (${days} days)`,
    `  price    ${price}`,
    `  ordered  ${ordered}`,
  ].join("\n");
