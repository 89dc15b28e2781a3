import { join } from "node:path";
import { isRecipient } from "../backup/encryption.ts";
import type { Clock } from "../lib/clock.ts";
import { LeakyBuckets } from "../lib/leaky-buckets.ts";
import { pathProblem } from "../lib/path-problem.ts";
import { grouped } from "../lib/typed-code.ts";
import type { Letter } from "../mail/letter.ts";
import { answerLetter, lettersLetter } from "../mail/letters.ts";
import type { Store } from "../store/open.ts";
import { type ArticleTexts, builtInArticles, readArticles } from "../support/article-files.ts";
import { ArticleError } from "../support/articles.ts";
import { Challenges } from "../support/challenge.ts";
import { HelpCentre } from "../support/help-centre.ts";
import { Tickets } from "../support/tickets.ts";
import { helpValues } from "../web/help-values.ts";
import type { Language, PageLanguage } from "../web/languages/language.ts";
import type { MailDoor } from "../web/mail-door.ts";
import type { SupportDoor } from "../web/options.ts";
import type { Config } from "./config.ts";
import { OfficeStartError } from "./start-errors.ts";

const TELL_OPERATOR_EVERY_MS = 3_600_000;

/**
 * The operator's own articles: `help/<name>.md` in the folder of site.texts, for other languages `help/<tag>/<name>.md`. Read before
 * the office becomes its user. Throws OfficeStartError.
 */
export function readOwnArticles(texts: string): ArticleTexts {
  if (texts === "") return new Map();
  const folder = join(texts, "help");
  try {
    return readArticles(folder);
  } catch (error) {
    if (error instanceof ArticleError) throw new OfficeStartError(`site.texts: ${folder}: ${error.message}.`);
    throw new OfficeStartError(`site.texts: ${folder} ${pathProblem(folder, "folder") ?? "cannot be read"}.`);
  }
}

/** Help, letters and complaints, as the pages and the commands have them. Throws OfficeStartError. */
export function makeSupport(options: {
  config: Pick<Config, "site" | "support">;
  ownArticles: ArticleTexts;
  store: Store;
  clock: Clock;
  siteSecret: Uint8Array;
  origin: string;
  mail: Pick<MailDoor, "enqueue"> | undefined;
  /** Beside English, and which of all is the site's own: nothing says which one whoever wrote reads. */
  languages: readonly Language[];
  language: Pick<PageLanguage, "say" | "prefix">;
}): SupportDoor {
  const { config, store, clock, siteSecret, mail } = options;
  const { to, contact_address: contact, abuse_address: abuse } = config.support;
  const wrong = to.find((recipient) => !isRecipient(recipient));
  if (wrong !== undefined)
    throw new OfficeStartError(
      `support.to: ${wrong} is no age recipient: a character is wrong or missing. \`lethe ticket keys\` makes one.`,
    );
  const { say, prefix } = options.language;
  const site = { name: config.site.name, origin: options.origin, say, prefix };
  const operatorTold = new LeakyBuckets({ clock, burst: 1, oneEachMs: TELL_OPERATOR_EVERY_MS });
  // Where the queue is full or cannot be written nobody is told; what was written stands in the ticket all the same.
  const tell = (letter: Letter) =>
    mail?.enqueue(letter).then(
      () => undefined,
      () => undefined,
    );
  return {
    help: helpCentre(config.site.name, options.languages, options.ownArticles),
    tickets: new Tickets({
      store,
      clock,
      secret: siteSecret,
      recipients: to,
      answered:
        mail && ((ticket) => tell(answerLetter(site, { ...ticket, number: grouped(ticket.number) }))!),
      arrived: async () => {
        if (contact !== "" && operatorTold.take("") !== undefined) await tell(lettersLetter(site, contact));
      },
    }),
    challenges: new Challenges(siteSecret, clock),
    ...(contact !== "" && { contactAddress: contact }),
    ...(abuse !== "" && { abuseAddress: abuse }),
  };
}

function helpCentre(siteName: string, languages: readonly Language[], ownArticles: ArticleTexts): HelpCentre {
  try {
    return new HelpCentre([builtInArticles, ownArticles], helpValues({ siteName, languages }));
  } catch (error) {
    if (error instanceof ArticleError) throw new OfficeStartError(`site.texts: help: ${error.message}.`);
    throw error;
  }
}
