import type { MiddlewareHandler } from "hono";

/** Own files only, no inline script or style, framed by nobody, forms that post nowhere else. `images`, `fetched`: more sources of these. */
export const contentSecurityPolicy = ({
  images = "",
  fetched = "",
}: {
  images?: string | undefined;
  fetched?: string | undefined;
} = {}): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' ${images}`.trim(),
    `connect-src 'self' ${fetched}`.trim(),
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

const HEADERS: Record<string, string> = {
  "content-security-policy": contentSecurityPolicy(),
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "permissions-policy":
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
  "cross-origin-resource-policy": "same-origin",
};

/** Two years, the span browsers' preload lists ask for (RFC 6797). */
const STRICT_TRANSPORT = "max-age=63072000";

/**
 * On every answer, whatever made it. What says nothing of caching may be kept by nobody: a page that shows an account
 * is then safe by default, and the few public files and feeds say otherwise themselves.
 */
export const securityHeaders =
  (secure: boolean): MiddlewareHandler =>
  async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) if (!c.res.headers.has(name)) c.header(name, value);
    if (secure) {
      c.header("strict-transport-security", STRICT_TRANSPORT);
      // Without TLS a browser ignores it, and complains in its console (HTML standard, "cross-origin opener policies").
      c.header("cross-origin-opener-policy", "same-origin");
    }
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
  };
