import assert from "node:assert/strict";

/** A page that links lead to. */
export interface Found {
  path: string;
  /** Bytes of the page and of every style, script and picture that it names. */
  bytes: number;
  markup: string;
}

/** Of pages that differ only in which server or system they are about, and in the values of their query. */
const OF_A_KIND = 2;
const kindOf = (path: string): string => {
  const { pathname, searchParams } = new URL(path, "http://site");
  const keys = [...searchParams.keys()].toSorted().join("&");
  return `${pathname.replace(/^(\/[a-z]{2,3})?\/(status|member\/connect)\/[^/]+$/, "$1/$2/*")}?${keys}`;
};

const attributes = (markup: string, pattern: RegExp): string[] =>
  [...markup.matchAll(pattern)].map(([, value]) => value!.replaceAll("&amp;", "&"));

/** Follows every link from `starts` on, as somebody with that cookie; logs nobody out, sends no form. */
export async function crawl(
  origin: string,
  starts: readonly string[],
  cookie = "",
): Promise<{ found: Found[]; dead: string[] }> {
  const found: Found[] = [];
  const dead: string[] = [];
  const queue = starts.map((path) => ({ path, from: "the start" }));
  const seen = new Set<string>(starts);
  const kinds = new Map<string, number>();
  const weights = new Map<string, number>();

  async function weigh(path: string, page: string): Promise<number> {
    const known = weights.get(path);
    if (known !== undefined) return known;
    const answer = await fetch(new URL(path, origin));
    assert.equal(answer.status, 200, `${page} names ${path}`);
    const { byteLength } = await answer.arrayBuffer();
    weights.set(path, byteLength);
    return byteLength;
  }

  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { path, from } = next;
    const answer = await fetch(new URL(path, origin), { redirect: "manual", headers: { cookie } });
    const to = answer.headers.get("location");
    const type = answer.headers.get("content-type") ?? "";
    const markup = await answer.text();
    const links: string[] = [];
    if (to !== null) links.push(to);
    else {
      if (answer.status !== 200) {
        dead.push(`${from} leads to ${path}, which answers ${answer.status}`);
        continue;
      }
      if (!type.startsWith("text/html")) continue;
      const kind = kindOf(path);
      const count = kinds.get(kind) ?? 0;
      if (count >= OF_A_KIND) continue;
      kinds.set(kind, count + 1);
      const files = new Set([
        ...attributes(markup, /<link rel="(?:stylesheet|icon)" href="([^"]+)"/g),
        ...attributes(markup, /<(?:script|img)\b[^>]* src="(\/[^"]+)"/g),
      ]);
      let bytes = Buffer.byteLength(markup);
      for (const file of files) bytes += await weigh(file, path);
      found.push({ path, bytes, markup });
      links.push(...attributes(markup, /<a\b[^>]* href="([^"]+)"/g));
    }
    for (const link of links) {
      const { origin: where, pathname, search } = new URL(link, new URL(path, origin));
      const target = `${pathname}${search}`;
      if (where !== origin || seen.has(target)) continue;
      seen.add(target);
      queue.push({ path: target, from: path });
    }
  }
  return { found, dead };
}
