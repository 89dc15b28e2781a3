import { z } from "zod";
import { priceText } from "../policy/money.ts";
import { acceptPrice, DEFAULT_PLANS, PLAN_DAYS_MOST, PLAN_ID, type Plan } from "../policy/plans.ts";

/** `[[plans]]` of lethe.toml: what is sold, in the order in which it is shown. */

const PLANS_MOST = 12;

const KEYS: Record<keyof Plan, { allowed: string; schema: z.ZodType }> = {
  id: { allowed: "1 to 24 of a-z, 0-9 and inner dashes", schema: z.string().regex(PLAN_ID) },
  title: { allowed: "1 to 60 characters", schema: z.string().regex(/^[^\p{Cc}]{1,60}$/u) },
  days: {
    allowed: `a whole number from 1 to ${PLAN_DAYS_MOST}`,
    schema: z.int().min(1).max(PLAN_DAYS_MOST),
  },
  price: {
    allowed: 'an amount and a currency in quotes, such as "5.00 EUR"',
    schema: z.string().refine((text) => acceptPrice(text) !== undefined),
  },
};

export interface PlanProblem {
  /** Which plan, from 0; undefined: all of them. */
  index?: number;
  key?: string;
  what: string;
}

/** The plans as lethe.toml has them (`given`: what stands under `plans`), or what is wrong with them. */
export function readPlans(given: unknown): { plans: Plan[]; problems: PlanProblem[] } {
  if (given === undefined) return { plans: [...DEFAULT_PLANS], problems: [] };
  if (!Array.isArray(given) || given.length > PLANS_MOST || given.some((each) => typeof each !== "object"))
    return {
      plans: [],
      problems: [{ what: `plans are at most ${PLANS_MOST}, each with [[plans]] above its keys` }],
    };
  const problems: PlanProblem[] = [];
  const plans = (given as Record<string, unknown>[]).map((values, index): Plan => {
    for (const key of Object.keys(values))
      if (!Object.hasOwn(KEYS, key))
        problems.push({
          index,
          key,
          what: `there is no key plans.${key}; there are ${Object.keys(KEYS).join(", ")}`,
        });
    for (const [key, { allowed, schema }] of Object.entries(KEYS))
      if (!schema.safeParse(values[key]).success)
        problems.push({ index, key, what: `plans.${key} must be ${allowed}` });
    const { id, title, days, price } = values as Record<keyof Plan, never>;
    return { id, title, days, price: acceptPrice(String(price))! };
  });
  for (const [index, { id }] of plans.entries())
    if (id !== undefined && plans.findIndex((plan) => plan.id === id) < index)
      problems.push({ index, key: "id", what: `plans.id: another plan is called ${JSON.stringify(id)}` });
  return { plans, problems };
}

/** The line of lethe.toml on which that plan's key stands, or its [[plans]]; 1 where neither is found. */
export function planLine(text: string, { index = 0, key }: PlanProblem): number {
  let plan = -1;
  let found = 1;
  for (const [number, line] of text.split("\n").entries()) {
    if (/^\s*\[/.test(line)) {
      if (/^\s*\[\[\s*"?plans"?\s*\]\]/.test(line)) plan++;
      else if (plan >= index) break;
      if (plan === index && found === 1) found = number + 1;
    } else if (plan === index && /^\s*"?([^="\s]+)"?\s*=/.exec(line)?.[1] === key) return number + 1;
  }
  return found;
}

/** As a first start writes them. */
export const initialPlansText = (): string[] => [
  "",
  "# What is sold: id (1 to 24 of a-z, 0-9 and inner dashes; stands in receipts, so leave it as it is once sold),",
  '# title, days of access, price ("5.00 EUR"). No [[plans]] at all: these three. Buying itself is switched by `lethe switch`.',
  ...DEFAULT_PLANS.flatMap(({ id, title, days, price }) => [
    "[[plans]]",
    `id = ${JSON.stringify(id)}`,
    `title = ${JSON.stringify(title)}`,
    `days = ${days}`,
    `price = ${JSON.stringify(priceText(price))}`,
  ]),
];
