import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import type { Namespace } from "./namespace.ts";

/**
 * Headless Chromium inside `namespace`. It is root's here and alone in the namespace, hence without its own sandbox; it
 * talks to us over a pipe, which `ip netns exec` hands on, so no port is opened.
 */
export async function startChromium(
  namespace: Namespace,
  folder: string,
  proxy?: string | { server: string; username: string; password: string },
  moreArgs: readonly string[] = [],
): Promise<Browser> {
  const wrapper = join(folder, `chromium-${namespace.name}`);
  writeFileSync(wrapper, `#!/bin/sh\nexec ip netns exec ${namespace.name} chromium "$@"\n`, { mode: 0o700 });
  return chromium.launch({
    executablePath: wrapper,
    // Ctrl-C is ours to answer: playwright would end this process before the world is taken down.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      ...moreArgs,
    ],
    ...(proxy === undefined ? {} : { proxy: typeof proxy === "string" ? { server: proxy } : proxy }),
  });
}
