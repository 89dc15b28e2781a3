import type { SignUpError } from "../accounts/accounts.ts";
import { DEVICE_NAME_CHARACTERS_MOST } from "../accounts/device-rules.ts";
import type { AddDeviceError } from "../accounts/devices.ts";
import { NAME_CHARACTERS, PASSWORD_CHARACTERS } from "../accounts/rules.ts";
import type { CouponError, VoucherError } from "../billing/vouchers.ts";
import type { ChallengeProblem } from "../support/challenge.ts";
import { MESSAGE_CHARACTERS_MOST, type TicketError } from "../support/tickets.ts";

/** What a member reads where a field was not taken; the API sends the same sentences beside the code. */
export const WORDING: Record<
  | SignUpError
  | VoucherError
  | CouponError
  | AddDeviceError
  | TicketError
  | ChallengeProblem
  | "key-missing"
  | "device-unknown"
  | "server-unknown"
  | "not-offered"
  | "no-device-file"
  | "password-wrong"
  | "subscription-runs"
  | "account-terminated"
  | "account-unknown"
  | "login-wrong",
  string
> = {
  "name-taken": "This username is taken. If it is yours, log in; otherwise choose another.",
  "name-invalid": `A username has ${NAME_CHARACTERS.least} to ${NAME_CHARACTERS.most} characters, all of them letters a–z, digits, dots, dashes or underscores.`,
  "password-short": `This password is too short: ${PASSWORD_CHARACTERS.least} characters or more.`,
  "password-long": `This password is too long: ${PASSWORD_CHARACTERS.most.toLocaleString("en")} characters at most.`,
  "password-is-name": "The password must not be the username.",
  "email-invalid": "This is not an e-mail address. Correct it, or leave the field empty.",
  "voucher-unknown":
    "There is no such voucher. Compare it with what you were given; capitals, dashes and spaces do not matter.",
  "voucher-used": "This voucher has been used already. Each counts once.",
  "voucher-coupon":
    "This code is a coupon: it takes something off a price. Type it when you order; it gives no days by itself.",
  "not-a-coupon":
    "This code is a gift card: it gives days and takes nothing off a price. Redeem it in the member area, or sign up with it.",
  "coupon-other-plan": "This coupon is good for another plan.",
  "password-wrong": "This is not the account's password.",
  "subscription-runs":
    "A PayPal subscription still pays for this account. Cancel it at PayPal first, then say so and delete the account.",
  "account-terminated":
    "This account was ended by the operator and takes no more vouchers. The voucher was not used up.",
  "account-unknown": "This account no longer exists.",
  "login-wrong": "Username or password is wrong.",
  "key-invalid":
    "This is no WireGuard public key: 44 characters that end in =, as wg pubkey prints them. Do not send a private key.",
  "key-taken": "This public key is in use already. Make a new pair for this device.",
  "key-missing":
    "No key was sent. Where the button to make keys does not appear, load the page again, or enter a public key of your own.",
  "device-name-invalid": `A device's name is one line of up to ${DEVICE_NAME_CHARACTERS_MOST} characters.`,
  "too-many-devices": "This account has as many devices as it may have. Remove one first.",
  "addresses-exhausted": "There is no address left for another device. Tell the operator.",
  "device-unknown": "This account has no such device. It may have been removed.",
  "server-unknown": "There is no server of that name.",
  "message-empty": "There is nothing in the letter yet.",
  "message-long": `The letter is too long: ${MESSAGE_CHARACTERS_MOST.toLocaleString("en")} characters at most.`,
  "support-closed": "This site takes no letters at the moment.",
  "support-full":
    "So many letters wait for an answer that no more are taken at the moment. Nothing was sent: try again tomorrow.",
  "ticket-unknown":
    "There is no ticket with this number and this secret. Compare both; a ticket that was closed is deleted after some weeks.",
  "ticket-closed": "This ticket is closed and takes no more messages. Write to us anew.",
  "ticket-long": "This ticket has as many messages as one can have. Write to us anew.",
  forged:
    "The form is not one of this site's, or was changed on its way. Nothing was sent: send the one below.",
  stale: "The form was open for too long. Nothing was sent: send it once more.",
  early: "That was quicker than one can write. Nothing was sent: wait ten seconds and send it once more.",
  wrong: "That is not the sum. Here is another one.",
  "not-offered": "This server does not offer that.",
  "no-device-file": "This server does not offer WireGuard so. Choose another one.",
};
