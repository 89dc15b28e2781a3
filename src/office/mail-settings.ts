import { isIP } from "node:net";

/** lethe.toml's [mail], as far as it has to be read together (config.ts). */
export interface MailSettings {
  host: string;
  port: number;
  tls: "starttls" | "tls" | "none";
  user: string;
  password_file: string;
  from: string;
}

const isHere = (host: string): boolean =>
  host === "localhost" || (isIP(host) === 4 && host.startsWith("127.")) || host === "::1";

/** What does not go together, with the key that it is about. */
export function mailProblems({
  mail,
}: {
  mail: MailSettings;
}): { section: string; key: string; what: string }[] {
  const wrong = (key: string, what: string) => [{ section: "mail", key, what }];
  if (mail.host === "")
    return mail.from !== "" || mail.user !== ""
      ? wrong(
          "host",
          "mail.host is empty: no mail is sent. Name the mail server, or empty the rest of [mail]",
        )
      : [];
  if (mail.from === "") return wrong("from", "mail.from must name the address that mail comes from");
  if ((mail.user === "") !== (mail.password_file === ""))
    return wrong("user", "mail.user and mail.password_file go together: set both, or neither");
  if (mail.tls === "none" && !isHere(mail.host))
    return wrong(
      "tls",
      'mail.tls = "none" is for a mail server on this machine alone: letters hold links that set passwords',
    );
  return [];
}
