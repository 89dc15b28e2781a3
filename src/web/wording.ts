import type { SignUpError } from "../accounts/accounts.ts";
import { NAME_CHARACTERS, PASSWORD_CHARACTERS } from "../accounts/rules.ts";
import type { VoucherError } from "../billing/vouchers.ts";

/** What a member reads where a field was not taken; the API sends the same sentences beside the code. */
export const WORDING: Record<
  SignUpError | VoucherError | "password-wrong" | "account-terminated" | "account-unknown" | "login-wrong",
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
  "password-wrong": "This is not the account's password.",
  "account-terminated":
    "This account was ended by the operator and takes no more vouchers. The voucher was not used up.",
  "account-unknown": "This account no longer exists.",
  "login-wrong": "Username or password is wrong.",
};
