import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { allRules } from "../../policy/all-rules.ts";
import { PAYMENT_METHODS } from "../../policy/methods.ts";
import { decimalOf } from "../../policy/money.ts";
import { POLICY_PAGES } from "../../policy/rule.ts";
import type { SiteEnv } from "../options.ts";
import { policyNow } from "../policy-values.ts";
import type { Web } from "../web.ts";
import { PUBLIC } from "./feeds.ts";

const plansShape = z
  .object({
    plans: z.array(
      z.object({
        id: z.string().openapi({ example: "30days" }),
        title: z.string(),
        days: z.int(),
        price: z.string().openapi({ example: "5.00", description: "Decimal text, exact" }),
        currency: z.string().openapi({ example: "EUR" }),
      }),
    ),
    methods: z.array(z.enum(PAYMENT_METHODS)),
    buying: z.boolean().openapi({ description: "Whether anything can be bought at the moment" }),
  })
  .openapi("Plans");

const rulesShape = z
  .array(z.object({ id: z.string(), page: z.enum(POLICY_PAGES), sentence: z.string() }))
  .openapi("Rules");

const get = <Shape extends z.ZodType>(path: string, summary: string, schema: Shape) =>
  createRoute({
    method: "get",
    path,
    summary,
    tags: ["rules"],
    responses: { 200: { content: { "application/json": { schema } }, description: summary } },
  });
const plansRoute = get("/api/v1/plans", "What is sold, and how it can be paid", plansShape);
const rulesRoute = get("/api/v1/rules", "Every rule, with its page and its sentence", rulesShape);

/** What the pages of the rules say, for programs. */
export function addPolicyApi(api: OpenAPIHono<SiteEnv>, web: Web): void {
  api.openapi(plansRoute, async (c) => {
    const { plans, methods, buying } = await policyNow(web);
    const priced = plans.map(({ id, title, days, price }) => ({
      id,
      title,
      days,
      price: decimalOf(price),
      currency: price.currency,
    }));
    return c.json({ plans: priced, methods: [...methods], buying: buying && web.has("/order") }, 200, PUBLIC);
  });
  api.openapi(rulesRoute, async (c) => c.json(allRules(await policyNow(web)), 200, PUBLIC));
}
