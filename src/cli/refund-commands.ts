import type { Command } from "commander";
import type { RefundDueRow, RefundView } from "../web/control/refunds.ts";
import type { Office } from "./office-commands.ts";
import { readText, show } from "./terminal.ts";

/** `lethe refund`: for a member who cannot use the page. The receipt comes by standard input: it opens what it proves. */
export function addRefundCommands(program: Command, office: Office): void {
  const refund = program
    .command("refund")
    .description("give a purchase back by its receipt, which is read from standard input");
  const ask = () => readText("Receipt (end with Ctrl-D):\n");
  refund
    .command("look")
    .description("what the rules say to a receipt; nothing is given back")
    .action(async () => {
      const view = await office.ask<RefundView>("POST", "/refunds/look", { receipt: await ask() });
      const answer = view.granted
        ? "This purchase can be given back: lethe refund give"
        : `This purchase is not given back. ${view.sentence}`;
      show(office.json(), view, `${textOf(view)}\n${answer}`);
    });
  refund
    .command("list")
    .description("refunds that were granted and that PayPal has not made yet")
    .action(async () => {
      const { refunds } = await office.ask<{ refunds: RefundDueRow[] }>("GET", "/refunds");
      show(office.json(), refunds, refunds.length === 0 ? "None." : refunds.map(lineOf).join("\n"));
    });
  refund
    .command("give")
    .description("give it back through PayPal, where the rules grant it; what it paid for ends")
    .action(async () => {
      const view = await office.ask<RefundView>("POST", "/refunds", { receipt: await ask() });
      show(office.json(), view, `${textOf(view)}\nGiven back.`);
    });
}

const lineOf = ({ number, since, pending, attempts, next }: RefundDueRow): string => {
  const how = pending ? "PENDING at PayPal, looked at" : "asked again";
  const asked = `granted ${since}, ${how} ${attempts} ${attempts === 1 ? "time" : "times"}`;
  const then = next === null ? "TO BE MADE BY HAND, at PayPal" : `next ${next} UTC`;
  return `  ${number}  ${asked}; ${then}`;
};

const textOf = ({ receipt }: RefundView): string =>
  [
    `  paid on   ${receipt.paidOn} UTC`,
    `  for       ${receipt.days} days (plan ${receipt.plan})${receipt.voucher ? ", as a voucher" : ""}`,
    `  paid      ${receipt.paid}, ${receipt.method}${receipt.coupon ? ", with a coupon" : ""}`,
    `  first     ${receipt.first ? "yes" : "no"}`,
  ].join("\n");
