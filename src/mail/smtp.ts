import { createTransport } from "nodemailer";
import type { Deliver, Delivery } from "./letter.ts";

export interface SmtpSettings {
  host: string;
  port: number;
  /** `starttls`: begins in the clear and goes on under TLS or not at all; `none`: for a server on this machine. */
  tls: "starttls" | "tls" | "none";
  /** Empty: the server asks nobody who they are. */
  user: string;
  password: string;
  /** The sender's address. */
  from: string;
  /** The sender's name. */
  siteName: string;
  /** PEM of what the server's certificate is checked with instead of the public authorities; for tests. */
  authority?: string;
}

const TIMEOUT_MS = 20_000;

/**
 * Speaks to the operator's mail server (RFC 5321; RFC 3207 STARTTLS) through nodemailer: a connection a letter. What the
 * server says stays here but for its code, since it quotes addresses. The machine's own name is not told.
 */
export function smtpDelivery(settings: SmtpSettings): Deliver {
  const { host, port, tls, user, password, from, siteName, authority } = settings;
  const domain = from.slice(from.lastIndexOf("@") + 1);
  const transport = createTransport({
    host,
    port,
    secure: tls === "tls",
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "none",
    name: domain,
    // A server on loopback is reached over the loopback interface.
    allowInternalNetworkInterfaces: true,
    ...(user !== "" && { auth: { user, pass: password } }),
    tls: { minVersion: "TLSv1.2", ...(authority !== undefined && { ca: [authority] }) },
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    dnsTimeout: TIMEOUT_MS,
    logger: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async ({ to, subject, text }, id) => {
    try {
      await transport.sendMail({
        from: { name: siteName, address: from },
        to: { name: "", address: to },
        subject,
        text,
        messageId: `<${id}@${domain}>`,
        headers: {
          // RFC 3834: nobody's holiday notice answers it.
          "Auto-Submitted": "auto-generated",
        },
      });
      return "sent";
    } catch (error) {
      return failureOf(error as SmtpError);
    }
  };
}

/** What nodemailer's errors carry (its errors.ts); `command`: the step at which it went wrong. */
interface SmtpError {
  code?: string;
  responseCode?: number;
  command?: string;
  /** Of an ESOCKET: what Node says. */
  originalCode?: string;
}

/** RFC 5321 section 4.2.1: a reply of 5yz is for good, one of 4yz for now. */
function failureOf({
  code = "",
  originalCode,
  responseCode = 0,
  command = "",
}: SmtpError): Exclude<Delivery, "sent"> {
  const forGood = responseCode >= 500 && responseCode < 600;
  const why = originalCode ?? code;
  const certificate = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/.test(
    why,
  );
  if (code === "ETLS" || certificate) return "tls";
  if (code === "EAUTH" || code === "ENOAUTH") return forGood || responseCode === 0 ? "login" : "later";
  if (code === "EENVELOPE" || code === "EMESSAGE") {
    if (!forGood) return responseCode === 0 ? "refused" : "later";
    // What it has against our own address it has against every letter. 503 and 530: it wants a login first (RFC 4954).
    if (command === "MAIL FROM") return responseCode === 530 || responseCode === 503 ? "login" : "sender";
    return "refused";
  }
  return "unreachable";
}
