import type { PolicyValues } from "../policy/rule.ts";
import type { Web } from "./web.ts";

/** What the rules speak of at this moment. */
export async function policyNow(web: Web): Promise<PolicyValues & { buying: boolean }> {
  const { siteName, policy } = web;
  const off = await web.switches.off();
  return {
    ...policy,
    siteName,
    methods: policy.methods.filter((method) => !off.has(method)),
    buying: !off.has("buying"),
  };
}
