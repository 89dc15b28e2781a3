import type { Command } from "commander";
import type { PaymentView } from "../web/control/payments.ts";
import type { Office } from "./office-commands.ts";
import { readCode, show } from "./terminal.ts";

const STATES: Record<PaymentView["state"], string> = {
  paid: "counts",
  refunding: "is being given back",
  refunded: "was given back",
  "charged-back": "was taken back by the buyer's bank, or marked as invalid",
};

/** `lethe payment`: for letters of buyers. A payment's number is asked for: it opens what the office has sealed about it. */
export function addPaymentCommands(program: Command, office: Office): void {
  const payment = program
    .command("payment")
    .description("payments, by the number that the provider gives them");
  payment
    .command("show")
    .description(
      "what a payment was for; its number at PayPal or BTCPay Server, or an envelope's code, is asked for, or read from standard input",
    )
    .action(async () => {
      const number = await readCode("The payment's number: ");
      const view = await office.ask<PaymentView>("POST", "/payments/look", { number });
      show(office.json(), view, textOf(view));
    });
  payment
    .command("test")
    .description("does the BTCPay server take the key in the settings?")
    .action(async () => {
      const answer = await office.ask<object>("POST", "/payments/test", {});
      show(office.json(), answer, "The BTCPay server answers and takes the key.");
    });
}

const textOf = ({ method, at, plan, days, paid, state, kind, voucher }: PaymentView): string =>
  [
    `  paid     ${paid}, ${method}, ${at} UTC; it ${STATES[state]}`,
    `  plan     ${plan} (${days} days)`,
    `  for      ${kind === "account" ? "an account" : "a voucher"}`,
    ...(voucher === undefined
      ? []
      : [`  voucher  ${voucher.code} (${voucher.used ? "used" : "not used yet"})`]),
  ].join("\n");
