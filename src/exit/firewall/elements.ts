import { isIPv4 } from "node:net";

/** A named set of the table; one of single values takes ranges too. */
export function set(name: string, type: string, elements: readonly (string | number)[]): string {
  const flags = type.includes(".") ? "" : " flags interval; auto-merge;";
  return `  set ${name} { type ${type};${flags}${listed([...new Set(elements)])} }`;
}

/** A named map; `type` as nft writes it, key `:` value. */
export const map = (name: string, type: string, elements: readonly (readonly [string, string])[]): string =>
  `  map ${name} { type ${type};${listed(elements.map(([key, value]) => `${key} : ${value}`))} }`;

const listed = (elements: readonly (string | number)[]): string =>
  elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} }`;

/** Addresses and ranges by family. */
export function byFamily(ranges: readonly string[]): [v4: string[], v6: string[]] {
  const is4 = (range: string): boolean => isIPv4(range.split("/")[0]!);
  return [ranges.filter(is4), ranges.filter((range) => !is4(range))];
}
