import { listText } from "../lib/locale.ts";
import { LIFETIMES, MAIL_LINK_MINUTES, REMINDER_DAYS } from "../policy/lifetimes.ts";
import { REFUND_DAYS } from "../policy/refund.ts";
import { type ProfileKind, SYSTEMS, type System } from "../profiles/kinds.ts";
import { sshAlias } from "../profiles/ssh.ts";
import type { ArticleValues } from "../support/help-centre.ts";
import { COVERS_WORDS, GUIDES, type Guide, SYSTEM_NAMES, SYSTEM_NOTES } from "./guides.ts";
import { ENGLISH, type Language, type Say, speaker } from "./languages/language.ts";

/** The server that the names of files in the articles are for. */
const EXAMPLE = "london1";

const FILES: Record<Exclude<ProfileKind, "wireguard" | "pac">, string> = {
  openvpn: `${EXAMPLE}.ovpn`,
  "openvpn-guarded": `${EXAMPLE}.conf`,
  openwrt: `${EXAMPLE}.ovpn`,
  mobileconfig: `${EXAMPLE}.mobileconfig`,
  sswan: `${EXAMPLE}.sswan`,
  windows: `${EXAMPLE}.ps1`,
  ssh: `${EXAMPLE}.ssh-config`,
  "stealth-tls": `${EXAMPLE}-stunnel.conf`,
  "stealth-obfs4": `${EXAMPLE}-obfs4.txt`,
};

const stepWords = (say: Say, guide: Guide, system: System): Record<string, string> => {
  const { kind } = guide;
  const linux = system === "linux";
  const file =
    kind === undefined || kind === "wireguard" || kind === "pac" ? say.text("the file") : FILES[kind];
  return {
    file: linux && kind === "openvpn" ? `${EXAMPLE}.conf` : file,
    profile: `${EXAMPLE}.${linux ? "conf" : "ovpn"}`,
    script: `${EXAMPLE}-obfs4.${system === "windows" ? "ps1" : "sh"}`,
    server: EXAMPLE,
    alias: sshAlias(EXAMPLE),
    name: EXAMPLE,
    // What stands there in the member area, since it is the chosen server's.
    below: say.text("as [Get connected](/member/connect) shows them"),
  };
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A way's steps as Markdown. */
function guideText(say: Say, guide: Guide, system: System, title: string): string {
  const words = stepWords(say, guide, system);
  const fill = (text: string) =>
    say.text(text).replace(/\{([a-z]+)\}/g, (whole, word: string) => words[word] ?? whole);
  return [
    `## ${title}`,
    `*${capital(say.text(COVERS_WORDS[guide.covers]))}.*${guide.client === undefined ? "" : ` ${say.text("With {0}.", fill(guide.client))}`}`,
    guide.steps.map(([, text], index) => `${index + 1}. ${fill(text)}`).join("\n"),
    guide.note === undefined ? "" : fill(guide.note),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

const systemText = (say: Say, system: System): string =>
  [
    ...GUIDES[system].map((guide) => guideText(say, guide, system, say.text(guide.title))),
    say.text(SYSTEM_NOTES[system]?.text ?? ""),
  ]
    .filter((part) => part !== "")
    .join("\n\n");

/** One client on every system that has it, with `kind` as in `Guide`. */
const waysText = (say: Say, is: (guide: Guide) => boolean): string =>
  SYSTEMS.flatMap((system) =>
    GUIDES[system]
      .filter(is)
      .map((guide) =>
        guideText(
          say,
          guide,
          system,
          guide.title.startsWith("OpenVPN ") || guide.title.includes(",")
            ? `${say.text(SYSTEM_NAMES[system])}: ${say.text(guide.title)}`
            : say.text(SYSTEM_NAMES[system]),
        ),
      ),
  ).join("\n\n");

/** Text in which Markdown finds nothing to do. */
const plainMarkdown = (text: string): string => text.replace(/[\\`*_{}[\]()#+.!<>|~&:-]/g, "\\$&");

const valuesIn = (say: Say, siteName: string): Record<string, string> => {
  const by = (...services: Guide["service"][]) => waysText(say, ({ service }) => services.includes(service));
  return {
    site: plainMarkdown(siteName),
    "example server": EXAMPLE,
    "refund days": String(REFUND_DAYS),
    "unpaid days": String(LIFETIMES.unpaidAccount.days),
    "reminder days": listText(say, REMINDER_DAYS.map(String)),
    "link minutes": String(MAIL_LINK_MINUTES),
    "ticket days": String(LIFETIMES.closedTicket.days),
    "silent ticket days": String(LIFETIMES.silentTicket.days),
    "voucher years": String(LIFETIMES.voucher.days / 365),
    "cash days": String(LIFETIMES.cashOrder.days),
    ...Object.fromEntries(SYSTEMS.map((system) => [`steps for ${system}`, systemText(say, system)])),
    "steps with wireguard": by("wireguard"),
    "steps with openvpn": by("openvpn"),
    "steps with ikev2": by("ikev2"),
    "steps with ssh": by("ssh"),
    "steps with a proxy": by("https", "http"),
    "steps with stealth": by("stealth-tls", "stealth-obfs4"),
  };
};

/**
 * What stands for `{{word}}` in the help articles of a language: the numbers that the code acts by, and the steps that the member area
 * shows, so that no article says otherwise.
 */
export function helpValues({
  siteName,
  languages = [],
}: {
  siteName: string;
  languages?: readonly Language[];
}): ArticleValues {
  return (folder) => {
    // Articles in `pt/` are read in `pt-br`, too.
    const language =
      languages.find(({ tag }) => tag === folder) ??
      languages.find(({ tag }) => tag.startsWith(`${folder}-`)) ??
      ENGLISH;
    return valuesIn(speaker(folder === ENGLISH.tag ? ENGLISH : language), siteName);
  };
}
