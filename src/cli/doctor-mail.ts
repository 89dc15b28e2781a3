import { connect } from "node:net";
import type { Config } from "../office/config.ts";
import { secretFile, settingsFile } from "./credentials.ts";
import { bad, type Finding, good, note } from "./finding.ts";
import { StartError } from "./start-error.ts";

const PATIENCE_MS = 5000;

/** [mail]: whether there is a mail server, whether its password can be read, and whether this machine may speak to it. */
export async function checkMail({ mail }: Config): Promise<Finding> {
  if (mail.host === "")
    return note(
      "mail",
      "no mail server is set: no reminders, and nobody can reset a forgotten password; the site says so",
      "set [mail] in lethe.toml where you want them",
    );
  if (mail.password_file !== "") {
    try {
      settingsFile("mail.password_file", secretFile("mail.password_file", mail.password_file));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      // A credential of systemd's is seen by the service alone.
      if (mail.password_file.startsWith("/"))
        return bad("mail", error.message, "put the password there, for root to read");
    }
  }
  return (await answers(mail.host, mail.port))
    ? good("mail", `${mail.host} port ${mail.port} answers; \`lethe mail test ADDRESS\` sends a letter`)
    : bad(
        "mail",
        `${mail.host} port ${mail.port} does not answer`,
        "correct mail.host and mail.port, or let this machine connect out to it; many hosting companies block port 25",
      );
}

function answers(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, timeout: PATIENCE_MS });
  const end = (reached: boolean) => {
    socket.destroy();
    resolve(reached);
  };
  socket.once("connect", () => end(true));
  socket.once("timeout", () => end(false));
  socket.once("error", () => end(false));
  return promise;
}
