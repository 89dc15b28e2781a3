import type { PaymentMethod } from "../policy/methods.ts";
import type { PolicyChoice } from "../web/policy-choice.ts";
import type { Config } from "./config.ts";

/** What the rules speak of, out of lethe.toml. `methods`: those that this office can take. */
export const policyChoice = (
  config: Config,
  methods: readonly PaymentMethod[],
  payerHash: boolean,
): PolicyChoice => ({
  plans: config.plans,
  methods,
  sessionsPerCredential: config.limits.sessions_per_credential,
  devicesPerAccount: config.limits.devices_per_account,
  deniedPorts: config.egress.deny_ports,
  payerHash,
});
