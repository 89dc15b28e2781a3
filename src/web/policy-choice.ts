import { DEVICES_MOST } from "../accounts/devices.ts";
import { PAYMENT_METHODS } from "../policy/methods.ts";
import { DEFAULT_PLANS } from "../policy/plans.ts";
import type { PolicyValues } from "../policy/rule.ts";

/** What lethe.toml says of it; `methods`: those that are set up, switched on or not. */
export type PolicyChoice = Omit<PolicyValues, "siteName">;

/** Where the office has said nothing. */
export const DEFAULT_POLICY: PolicyChoice = {
  plans: DEFAULT_PLANS,
  methods: PAYMENT_METHODS,
  sessionsPerCredential: 10,
  devicesPerAccount: DEVICES_MOST,
  deniedPorts: [],
  payerHash: false,
};
