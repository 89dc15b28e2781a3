import { CANCELLATION } from "./cancellation.ts";
import { FAIR_USE } from "./fair-use.ts";
import { PERSONAL_USE } from "./personal-use.ts";
import { PRIVACY } from "./privacy.ts";
import { REFUND_RULES, REFUND_TERMS } from "./refund.ts";
import type { PolicyPage, PolicyValues, Rule, StatedRule } from "./rule.ts";
import { TERMS } from "./terms.ts";

const RULES: readonly Rule[] = [
  ...TERMS,
  ...PERSONAL_USE,
  ...PRIVACY,
  ...REFUND_RULES,
  ...REFUND_TERMS,
  ...CANCELLATION,
  ...FAIR_USE,
];

/** Every rule there is, as it reads with what the operator has chosen. */
export const allRules = (values: PolicyValues): StatedRule[] =>
  RULES.map(({ id, page, sentence }) => ({ id, page, sentence: sentence(values) }));

/** Those of one page, in the page's order. */
export const rulesOf = (page: PolicyPage, values: PolicyValues): StatedRule[] =>
  allRules(values).filter((rule) => rule.page === page);
