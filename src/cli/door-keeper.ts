import { CertificateFiles } from "../certificates/files.ts";
import type { ForkedChild } from "../lib/forked-child.ts";
import { openListening } from "../lib/hand-over.ts";
import type { DoorMessage } from "../office/messages.ts";
import { type SiteSettings, sitePlaces, siteTls } from "../office/site-address.ts";
import { secretFile } from "./credentials.ts";

/**
 * What root does for the site's door (office/site-door.ts): it opens the listening sockets, ports below 1024 among them, and
 * reads the certificate's files, which as a rule nobody else may. It reads nothing from a socket and nothing in a certificate.
 */
export class DoorKeeper {
  readonly #settings: SiteSettings;
  readonly #paths: { certificate: string; key: string } | undefined;
  #files: CertificateFiles | undefined;

  /** Throws StartError where the certificate's files are credentials that nobody gives. */
  constructor(settings: SiteSettings) {
    this.#settings = settings;
    const source = siteTls(settings)?.source;
    if (source?.kind === "files")
      this.#paths = {
        certificate: secretFile("tls.certificate", source.certificate),
        key: secretFile("tls.key", source.key),
      };
  }

  /** A life of the office begins: it gets the certificate, and each one that comes later. */
  begin(office: ForkedChild): void {
    this.#files?.close();
    if (this.#paths === undefined) return;
    const onPair = (pair: Extract<DoorMessage, { type: "pair" }>["pair"]) =>
      office.send({ type: "pair", pair } satisfies DoorMessage);
    this.#files = new CertificateFiles({ ...this.#paths, onPair });
    this.#files.start();
  }

  /** The office is ready for its sockets. */
  async open(office: ForkedChild): Promise<void> {
    const life = office.pid;
    for (const [index, { address, port }] of sitePlaces(this.#settings).entries()) {
      const server = await openListening({ address, port }).catch((error: NodeJS.ErrnoException) => {
        office.send({ type: "socket", index, failed: error.code ?? "other" } satisfies DoorMessage);
      });
      // The office has ended meanwhile, and its next life asks anew.
      if (office.pid !== life) server?.close();
      else if (server) office.hand({ type: "socket", index } satisfies DoorMessage, server);
    }
  }

  close(): void {
    this.#files?.close();
  }
}
