import { InvalidArgumentError } from "commander";

/** Reads an option's "yes" or "no". */
export function yesOrNo(text: string): boolean {
  if (text !== "yes" && text !== "no") throw new InvalidArgumentError('It must be "yes" or "no".');
  return text === "yes";
}

/** Reads an option's whole number from `least` to `most`; anything else is a usage error that says so. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return value;
  };
