import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Page } from "playwright-core";
import { findProgram } from "../../src/lib/run-command.ts";
import { skipFor } from "../../src/lib/testing.ts";
import { skip } from "./browser.ts";
import {
  type Demo,
  fetchAnew,
  heading,
  loggedInAs,
  looksRight,
  main,
  openDemo,
  order,
  paidUntil,
  processesOf,
  runs,
  START_MS,
  thankedWithVoucher,
  throughProxy,
} from "./live-demo.ts";

/** `npm start -- --demo`, as a newcomer clicks through it: every way to pay, with the simulated providers. */

let demo: Demo;

before(async () => {
  if (!skip) demo = await openDemo();
});
after(() => demo?.close());

const atSimulator = (page: Page) => page.waitForURL((url) => url.origin !== demo.site);
test("every page says that it is a demo, and no port but loopback's is opened", { skip }, async () => {
  await demo.visit(async (page) => {
    for (const path of ["/", "/order", "/status", "/privacy", "/nowhere"]) {
      await page.goto(path);
      assert.ok(await page.isVisible(".demo:has-text('This is a demo')"), path);
    }
  });
  const ours = processesOf(String(demo.child.pid));
  const sockets = execFileSync("ss", ["-H", "-ltunp"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => ours.some((pid) => line.includes(`pid=${pid},`)));
  const open = (place: string) => sockets.some((line) => line.includes(` ${place} `));
  for (const place of [demo.socks5, demo.http, demo.ssh]) assert.ok(open(place), place);
  assert.ok(sockets.length >= 7, "the site, PayPal, BTCPay Server, and mail, too");
  for (const line of sockets) assert.match(line.split(/ +/)[4] ?? "", /^127\.0\.0\.1:/);
});

test("its server is real: it tests itself, and the status page says that it works", { skip }, () =>
  demo.visit(async (page) => {
    const deadlineMs = Date.now() + 60_000;
    const works = async () => {
      await page.goto("/status");
      return page.isVisible("#server-demo1 .services");
    };
    while (!(await works())) {
      assert.ok(Date.now() < deadlineMs, "it never said so");
      await page.waitForTimeout(200);
    }
    const shown = (await page.textContent("#server-demo1 .services")) ?? "";
    for (const service of ["SOCKS5", "HTTP", "SSH"]) assert.match(shown, new RegExp(service));
    assert.equal(await page.locator("#server-demo1 .services .down").count(), 0, shown);
    assert.doesNotMatch(shown, /VPN|WireGuard|IKE/);
    await looksRight(page);
  }),
);

test("the demo's member gets its proxies' settings, and curl goes through them", { skip }, () =>
  demo.visit(async (page) => {
    await page.goto("/log-in");
    await page.fill("#name", demo.member.name);
    await page.fill("#password", demo.member.password);
    await page.click("main form button");
    await page.goto("/member/connect");
    const [host = "", port = ""] = demo.socks5.split(":");
    assert.equal(await page.textContent("#demo1-host"), host);
    assert.equal(await page.textContent("#demo1-socks5"), port);
    assert.equal(`${host}:${await page.textContent("#demo1-http")}`, demo.http);
    await page.click("button:has-text('Show my VPN username and password')");
    const login = `${await page.textContent("#vpn-username")}:${await page.textContent("#vpn-password")}`;
    for (const proxy of [`socks5h://${demo.socks5}`, `http://${demo.http}`]) {
      assert.equal(throughProxy(proxy, login, `${demo.site}/api/v1/servers`), 200, proxy);
      assert.equal(throughProxy(proxy, `${login}x`, `${demo.site}/api/v1/servers`) === 200, false, proxy);
    }
    await page.goto("/member/connect/linux");
    assert.ok((await page.locator("a[href*='ssh']").count()) > 0, "and files for ssh");
    assert.equal(await page.isVisible("main >> text=IKEv2"), false, "which this server has not");
    await page.goto("/member/connect/router");
    assert.ok(await page.isVisible('text="This server offers nothing for this system."'));
  }, false),
);

test("PayPal, once: a voucher, shown again by this browser alone", { skip }, () =>
  demo.visit(async (page) => {
    await order(page, "paypal");
    await atSimulator(page);
    await page.click("button:has-text('Pay')");
    const code = await thankedWithVoucher(page);
    await looksRight(page);
    await page.reload();
    assert.equal(await thankedWithVoucher(page), code);
    const url = page.url();
    await demo.visit(async (other) => {
      await other.goto(url);
      assert.equal(await heading(other), "No order in this browser");
      await looksRight(other);
    });
  }),
);

test("PayPal, cancelled: nothing is bought", { skip }, () =>
  demo.visit(async (page) => {
    await order(page, "paypal");
    await atSimulator(page);
    await page.click("button:has-text('Cancel and go back')");
    await page.waitForSelector("h1:has-text('Nothing was paid')");
  }),
);

for (const coin of ["bitcoin", "monero"])
  test(`${coin}: waits for the confirmation, then gives a voucher`, { skip }, () =>
    demo.visit(async (page) => {
      await order(page, coin);
      await atSimulator(page);
      await page.click("button:has-text('Pay in full')");
      await page.click("text=Return to the shop");
      assert.equal(await heading(page), "Waiting for the payment");
      await page.goBack();
      await page.reload();
      await page.click("button:has-text('Confirm the payment')");
      await page.click("text=Return to the shop");
      await thankedWithVoucher(page);
    }, false),
  );

test("too little Bitcoin: nothing is bought, and the page says why", { skip }, () =>
  demo.visit(async (page) => {
    await order(page, "bitcoin");
    await atSimulator(page);
    await page.click("button:has-text('Pay half')");
    await page.click("button:has-text('Let its time run out')");
    await page.click("text=Return to the shop");
    assert.equal(await heading(page), "Not paid");
    await looksRight(page);
  }),
);

test("cash: a code for the envelope; booked, it gives the voucher in any browser", { skip }, async () => {
  let code = "";
  await demo.visit(async (page) => {
    await order(page, "cash");
    assert.equal(await heading(page), "Cash by mail");
    code = (await page.textContent("main p.big")) ?? "";
    assert.match(code, /^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/);
    await looksRight(page);
  });
  assert.match(demo.lethe("cash list"), /^\d{4}-\d\d-\d\d +5\.00 EUR +30days\n$/);
  assert.match(demo.lethe("cash show", `${code}\n`), /for +a voucher\n.*30 days/);
  assert.match(demo.lethe("payment show", code, 1), /No payment of that number counts/);
  assert.match(demo.lethe(["cash", "book", "--amount", "4.99 EUR"], code, 1), /Nothing was booked/);
  assert.match(demo.lethe("cash book", `${code}\n`), /Booked\.\n.*a voucher/);
  assert.match(demo.lethe("cash book", code), /was booked before; nothing was done now/);
  assert.equal(demo.lethe("cash list"), "No order waits for cash.\n");
  assert.match(demo.lethe("payment show", code), /it counts\n.*\n.*\n +voucher +\S+ \(not used yet\)/);
  await demo.visit(async (page) => {
    await page.goto("/order/cash");
    await page.fill("#code", "abcd-efgh-ijkl-mnop");
    await page.click("main form button");
    assert.ok(await page.isVisible("text=There is no order with this code"));
    await looksRight(page);
    await page.fill("#code", code.toUpperCase());
    await page.click("main form button");
    await thankedWithVoucher(page);
  });
});

test("a coupon takes its part off, and one of 100 % pays all, once", { skip }, async () => {
  await demo.visit(async (page) => {
    await order(page, "bitcoin", demo.coupon);
    await atSimulator(page);
    assert.ok(await page.isVisible("text=4.00 EUR"));
  });
  await demo.visit(async (page) => {
    await order(page, "bitcoin", demo.freeCoupon);
    await thankedWithVoucher(page);
    await order(page, "bitcoin", demo.freeCoupon);
    assert.match((await page.textContent("main .error")) ?? "", /used/);
    await looksRight(page);
  });
});

test("a gift card signs up; then PayPal by subscription and Bitcoin extend the account", { skip }, () =>
  demo.visit(async (page) => {
    await loggedInAs(page, "river-otter", demo.giftCard);
    const first = await paidUntil(page);
    assert.ok(first > Date.now() + 29 * 86_400_000);
    await order(page, "paypal-subscription");
    await atSimulator(page);
    await page.click("button:has-text('Pay')");
    await page.waitForSelector("h1:has-text('Thank you')");
    const second = await paidUntil(page);
    assert.equal(Math.round((second - first) / 86_400_000), 30);
    await order(page, "bitcoin");
    await atSimulator(page);
    await page.click("button:has-text('Pay twice as much')");
    await page.click("button:has-text('Confirm the payment')");
    await page.click("text=Return to the shop");
    await page.waitForSelector("h1:has-text('Thank you')");
    assert.equal(Math.round(((await paidUntil(page)) - second) / 86_400_000), 30);
  }, false),
);

test("a refund, claimed with the receipt: looked at first, given once, and refused by name", { skip }, () =>
  demo.visit(async (page) => {
    await order(page, "paypal");
    await atSimulator(page);
    await page.click("button:has-text('Pay')");
    const code = await thankedWithVoucher(page);
    const receipt = await page.inputValue("#receipt");
    const look = async () => {
      await page.goto("/refund");
      await page.fill("#receipt", `It is this one:\n${receipt}`);
      await page.click("main form button");
    };
    await look();
    assert.ok(await page.isVisible("text=This purchase can be given back."));
    await looksRight(page);
    await page.click("button:has-text('Give it back')");
    assert.equal(await heading(page), "Given back");
    await looksRight(page);
    await look();
    assert.ok(await page.isVisible("[role=alert]:has-text('A payment is given back once.')"));
    await looksRight(page);
    await page.click("[role=alert] a");
    assert.ok(await page.isVisible("#rule-refunded-once"));
    // The voucher that it had paid for is void.
    await page.goto("/sign-up");
    await page.fill("#name", "given-back");
    await page.fill("#password", "correct horse battery");
    await page.fill("#voucher", code);
    await page.click("main form button");
    assert.ok(await page.isVisible("main .error"));
  }),
);

test("an envelope that will not come is forgotten by command", { skip }, () =>
  demo.visit(async (page) => {
    await order(page, "cash");
    const code = (await page.textContent("main p.big")) ?? "";
    assert.match(demo.lethe("cash cancel", code), /forgotten/);
    assert.equal(demo.lethe("cash list"), "No order waits for cash.\n");
    assert.match(demo.lethe("cash book", code, 1), /No order waits for that code/);
  }),
);

test("a letter is listed, read with the key, answered and closed by command", { skip }, () =>
  demo.visit(async (page) => {
    assert.equal(demo.lethe("ticket list"), "There are no tickets.\n");
    await page.goto("/contact");
    await page.fill("#text", "Which port is it?");
    await page.fill("#email", "writer@demo.example");
    await page.check("[name=mail-text]");
    await page.click("main form button");
    await page.waitForSelector("#ticket-secret");
    const number = (await page.textContent("#ticket-number")) ?? "";
    const key = `${demo.folder}/operator.age`;
    assert.ok(demo.lethe("ticket list").startsWith(`${number}  waits for you`));
    assert.match(demo.lethe(`ticket show ${number}`), /-----BEGIN AGE ENCRYPTED FILE-----/);
    assert.match(demo.lethe(`ticket show ${number} --identity ${key}`), /Which port is it\?/);
    assert.match(demo.lethe(`ticket show aaaaa-aaaaa --identity ${key}`, "", 1), /no ticket of that number/);
    assert.match(
      demo.lethe(`ticket answer ${number}`, "It is 1080."),
      /^Answered\. The answer is sent to the e-mail address/,
    );
    assert.match(demo.lethe(`ticket show ${number} --identity ${key}`), /It is 1080\./);
    const deadlineMs = Date.now() + 120_000;
    while (!(await (await fetchAnew(demo.mail)).text()).includes("It is 1080.")) {
      assert.ok(Date.now() < deadlineMs, "the answer goes by e-mail, too");
      await pause(100);
    }
    await page.click("button:has-text('Go to your ticket')");
    assert.ok(await page.isVisible("text=It is 1080."));
    assert.match(demo.lethe(`ticket close ${number}`), /closed/);
    assert.match(demo.lethe(`ticket answer ${number}`, "And more", 1), /That ticket is closed/);
    assert.match(demo.lethe(`ticket delete ${number} --yes`), /^1 ticket deleted/);
    assert.equal(demo.lethe("ticket list"), "There are no tickets.\n");
  }),
);

test("a receipt is looked at and given back by command; it says the same twice", { skip }, () =>
  demo.visit(async (page) => {
    await order(page, "paypal");
    await atSimulator(page);
    await page.click("button:has-text('Pay')");
    await thankedWithVoucher(page);
    const receipt = await page.inputValue("#receipt");
    assert.match(demo.lethe("refund look", receipt), /This purchase can be given back/);
    assert.match(demo.lethe("refund give", receipt), /Given back/);
    assert.match(demo.lethe("refund look", receipt), /A payment is given back once/);
    assert.match(demo.lethe("refund give", receipt, 1), /A payment is given back once/);
    assert.equal(demo.lethe("refund list"), "None.\n");
    assert.match(demo.lethe("refund look", "no receipt", 1), /\w/);
  }),
);

test("what else the admin pages do is done by command", { skip }, async () => {
  const { name } = demo.member;
  assert.match(demo.lethe(`disclose ${name}`), new RegExp(name));
  assert.match(demo.lethe("disclose nobody-here"), /There is no account called nobody-here/);
  await demo.visit(async (page) => {
    await page.goto("/log-in");
    await page.fill("#name", name);
    await page.fill("#password", demo.member.password);
    await page.click("main form button");
    await page.goto("/member/connect");
    await page.click("button:has-text('Show my VPN username and password')");
    const vpnUsername = (await page.textContent("#vpn-username")) ?? "";
    assert.match(demo.lethe(`account find ${vpnUsername}`), new RegExp(`username +${name}\n`));
    assert.match(demo.lethe(`account renew ${name}`), /\w/);
    assert.match(demo.lethe(`account find ${vpnUsername}`, "", 1), /No account has that VPN username/);
  });

  const shown = async (path: string) => (await fetchAnew(`${demo.site}${path}`)).text();
  assert.match(demo.lethe("switch off sign-up"), /sign-up +off\n/);
  assert.doesNotMatch(await shown("/sign-up"), /id="password"/);
  assert.match(demo.lethe("switch on sign-up"), /sign-up +on\n/);
  assert.match(await shown("/sign-up"), /id="password"/);
  assert.match(demo.lethe("switch list"), /cash +on\n/);
  assert.match(demo.lethe("switch off weather", "", 1), /no switch of that name/);

  const id = /as (\S+)\.\n/.exec(demo.lethe("announce post Works", "We work *tonight*."))?.[1] ?? "";
  assert.match(await shown("/announcements"), /We work <em>tonight<\/em>/);
  assert.match(demo.lethe("announce list"), new RegExp(`^${id} .*Works\n`));
  demo.lethe(`announce remove ${id}`);
  assert.equal(demo.lethe("announce list"), "Nothing is announced.\n");

  const counted = () => JSON.parse(demo.lethe("--json voucher count")) as { unused: number; used: number };
  const before = counted();
  assert.equal(demo.lethe("voucher make --count 3").trim().split("\n").length, 3);
  assert.deepEqual(counted(), { ...before, unused: before.unused + 3 });

  assert.match(demo.lethe("mail test operator@demo.example"), /took the letter/);
  assert.match(await (await fetchAnew(demo.mail)).text(), /To operator@demo\.example/);
  assert.match(demo.lethe("mail queue"), /\w/);
  assert.match(demo.lethe("payment test"), /answers and takes the key/);
  assert.match(demo.lethe("abuse answer --server demo1"), /no logs?|keep/i);
  assert.match(demo.lethe("abuse answer --server nowhere1", "", 1), /no server of that name/);

  const { url } = JSON.parse(demo.lethe("--json admin open")) as { url: string };
  assert.equal((await fetchAnew(url)).status, 200);
  assert.match(demo.lethe("admin close"), /^Closed\. 0 visits ended/);
  await assert.rejects(fetchAnew(url), "the door is closed");
});

test("Ctrl-C ends it, and nothing of it is left", { skip }, async () => {
  assert.ok(existsSync(demo.folder));
  const ours = processesOf(String(demo.child.pid));
  assert.ok(ours.length >= 6, "simulators, office, exit, keeper, proxy, and SSH");
  demo.child.kill("SIGINT");
  const [code] = await once(demo.child, "exit");
  assert.equal(code, 0);
  assert.ok(!existsSync(demo.folder));
  const deadlineMs = Date.now() + 60_000;
  while (ours.some(runs) && Date.now() < deadlineMs) await pause(50);
  assert.deepEqual(ours.filter(runs), []);
});

const noNamespace = skipFor(
  process.getuid!() !== 0
    ? "this needs root"
    : ["unshare", "nft", "ip"].some((name) => findProgram(name) === undefined) &&
        "unshare, nft or ip is missing",
);

test("started by root beside a real Lethe, it leaves that one's firewall alone", {
  skip: noNamespace,
}, async () => {
  const script = `
    set -e
    ip link set lo up
    nft add table inet lethe
    "$@" &
    while read -r stop; do kill -INT $!; done
    wait $! || exit 1
    nft list table inet lethe`;
  const command = [process.execPath, "--no-warnings", main, "up", "--demo"];
  const child = spawn("unshare", ["--net", "sh", "-c", script, "sh", ...command], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let text = "";
  child.stdout!.on("data", (chunk: Buffer) => {
    text += chunk;
    if (text.includes("To try a proxy")) child.stdin!.end("stop\n");
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
  const [code] = await once(child, "exit");
  clearTimeout(timer);
  assert.equal(code, 0, text);
  assert.match(text, /Stopped\./);
  assert.match(text, /table inet lethe/);
});
