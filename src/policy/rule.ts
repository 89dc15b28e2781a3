import type { PaymentMethod } from "./methods.ts";
import type { Plan } from "./plans.ts";

/** The pages that are made of rules. */
export const POLICY_PAGES = [
  "terms",
  "personal-use",
  "privacy",
  "refunds",
  "cancellation",
  "fair-use",
] as const;
export type PolicyPage = (typeof POLICY_PAGES)[number];

/** What the operator has chosen and rules speak of; the numbers are those that the code acts by. */
export interface PolicyValues {
  siteName: string;
  plans: readonly Plan[];
  /** The ways to pay that are offered now. */
  methods: readonly PaymentMethod[];
  /** Simultaneous devices and programs of one account on one server. */
  sessionsPerCredential: number;
  devicesPerAccount: number;
  /** TCP and UDP ports that members cannot reach, beside 25. */
  deniedPorts: readonly number[];
  /** Whether a keyed hash of who paid is kept, so that a second "first purchase" shows. */
  payerHash: boolean;
}

/** One rule, by an id of its own and one sentence: the page shows it, and a refusal names it. */
export interface Rule<Id extends string = string> {
  id: Id;
  page: PolicyPage;
  sentence: (values: PolicyValues) => string;
}

/** A rule as it reads here and now. */
export interface StatedRule {
  id: string;
  page: PolicyPage;
  sentence: string;
}
