import { readFileSync } from "node:fs";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { PATIENCE_MS } from "./namespace.ts";
import type { VpnLogin } from "./openvpn-client.ts";

/** A member with an account, and a browser in which they stay logged in. */
export interface Member {
  name: string;
  password: string;
  email: string;
  /** The code that paid for the account. */
  voucher: string;
  /** What their devices use: profile, VPN username and VPN password. */
  vpn: VpnLogin;
  site: string;
  page: Page;
}

/** The choice of a person who trusts no script; the pages must work all the same. */
export const newVisitor = (browser: Browser, javaScriptEnabled = false): Promise<BrowserContext> =>
  browser.newContext({ javaScriptEnabled, acceptDownloads: true });

/** Signs up on the site as a person does, with a voucher, and fetches VPN credentials and profile. */
export async function signUp(
  browser: Browser,
  site: string,
  name: string,
  voucher: string,
  javaScriptEnabled = false,
): Promise<Member> {
  const page = await (await newVisitor(browser, javaScriptEnabled)).newPage();
  const member = {
    name,
    password: `the long password of ${name}`.replaceAll(".", " "),
    email: `${name}@mail.example`,
    voucher,
    site,
    page,
  };
  await page.goto(`${site}/sign-up`);
  await page.getByLabel("Username").fill(member.name);
  await page.getByLabel("Password").fill(member.password);
  await page.getByLabel("E-mail address").fill(member.email);
  await page.getByLabel("Voucher").fill(voucher);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("Paid until").waitFor({ timeout: PATIENCE_MS });
  const { username, password } = await vpnCredentials(member);
  return { ...member, vpn: { username, password, profile: await openVpnProfile(member) } };
}

/** Asks for the VPN credentials in the member area. */
export async function vpnCredentials({
  page,
  site,
}: Pick<Member, "page" | "site">): Promise<{ username: string; password: string }> {
  await page.goto(`${site}/member`);
  await page.getByRole("button", { name: "Show them" }).click();
  const read = async (id: string) => ((await page.locator(`#${id}`).textContent()) ?? "").trim();
  return { username: await read("vpn-username"), password: await read("vpn-password") };
}

/** Downloads the `.ovpn` of the first server. */
export async function openVpnProfile({ page, site }: Pick<Member, "page" | "site">): Promise<string> {
  await page.goto(`${site}/member/connect`);
  const coming = page.waitForEvent("download");
  await page
    .getByRole("link", { name: /^Download .*\.ovpn$/ })
    .first()
    .click();
  const path = await (await coming).path();
  return readFileSync(path, "utf8");
}

/** Changes the account password and asks for new VPN credentials with it. */
export async function changePassword({ page, site, password }: Member, newPassword: string): Promise<void> {
  await page.goto(`${site}/member/settings`);
  const form = page.locator("#password");
  await form.getByLabel("Present password").fill(password);
  await form.getByLabel("New password").fill(newPassword);
  await form.getByLabel("Make new VPN credentials, too").check();
  await form.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Your password is changed").waitFor();
}

/** Deletes the account in the member area. */
export async function deleteAccount({
  page,
  site,
  password,
}: Pick<Member, "page" | "site" | "password">): Promise<void> {
  await page.goto(`${site}/member/settings`);
  const form = page.locator("#delete");
  await form.getByLabel("Your password").fill(password);
  await Promise.all([
    page.waitForURL((url) => !url.pathname.startsWith("/member")),
    form.getByRole("button", { name: "Delete this account" }).click(),
  ]);
}
