/**
 * The pages that a visitor finds by the navigation, the footer and the site map, in that order. A site that does not have one of them
 * (no help without articles, no orders while nothing is sold) shows no link to it.
 */
export interface SitePage {
  path: string;
  /** In English, as it stands in a link. */
  text: string;
}

/** At the top of each page. */
export const NAVIGATION: readonly (SitePage & { section: Section })[] = [
  { section: "how", path: "/how-it-works", text: "How it works" },
  { section: "status", path: "/status", text: "Servers" },
  { section: "pricing", path: "/pricing", text: "Pricing" },
  { section: "help", path: "/help", text: "Help" },
];

/** Which entry at the top a page belongs to. */
export type Section =
  | "how"
  | "status"
  | "pricing"
  | "help"
  | "about"
  | "privacy"
  | "log-in"
  | "sign-up"
  | "member";

/** At the foot of each page. */
export const FOOTER: readonly { title: string; pages: readonly SitePage[] }[] = [
  {
    title: "Service",
    pages: [
      { path: "/how-it-works", text: "How it works" },
      { path: "/status", text: "Servers" },
      { path: "/pricing", text: "Pricing" },
      { path: "/order", text: "Buy" },
      { path: "/check", text: "Am I protected?" },
    ],
  },
  {
    title: "Help",
    pages: [
      { path: "/help", text: "Help centre" },
      { path: "/contact", text: "Contact" },
      { path: "/ticket", text: "Your ticket" },
      { path: "/receipt", text: "Check a receipt" },
      { path: "/refund", text: "Claim a refund" },
      { path: "/abuse", text: "Report abuse" },
    ],
  },
  {
    title: "Rules",
    pages: [
      { path: "/privacy", text: "Privacy" },
      { path: "/terms", text: "Terms" },
      { path: "/personal-use", text: "Personal use" },
      { path: "/fair-use", text: "Fair use" },
      { path: "/refunds", text: "Refunds" },
      { path: "/cancellation", text: "Cancellation" },
      { path: "/analytics", text: "Analytics" },
    ],
  },
  {
    title: "This site",
    pages: [
      { path: "/about", text: "About" },
      { path: "/announcements", text: "Announcements" },
      { path: "/announcements.atom", text: "Announcements as a feed" },
      { path: "/api/openapi.json", text: "API" },
    ],
  },
];
