import { isRecipient } from "../backup/encryption.ts";
import type { Config } from "../office/config.ts";
import { bad, type Finding, good, note } from "./finding.ts";

/** [support]: whether visitors and members can write, and whether somebody can read it. */
export function checkSupport({ support }: Pick<Config, "support">): Finding {
  const { to, contact_address: contact, abuse_address: abuse } = support;
  const wrong = to.find((recipient) => !isRecipient(recipient));
  if (wrong !== undefined)
    return bad(
      "letters",
      `support.to: ${wrong} is no age recipient: a character is wrong or missing`,
      "copy it again from the file that `lethe ticket keys` made (the line # public key)",
    );
  if (to.length === 0)
    return note(
      "letters",
      contact === "" && abuse === ""
        ? "nobody can write to you: no key is set to encrypt letters to, and no address is shown"
        : "the contact page takes no letters: no key is set to encrypt them to",
      "`lethe ticket keys FILE` makes a key and says what goes into lethe.toml",
    );
  return good("letters", "the contact page takes letters; `lethe ticket list` shows them");
}
