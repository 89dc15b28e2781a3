import { Programs } from "../programs.ts";
import type { ServicesScene } from "../services-scene.ts";
import { type VpnService, vpnServiceCases } from "../vpn-service.ts";
import { OPENVPN_REFUSALS } from "./openvpn.ts";

const refusals = OPENVPN_REFUSALS;

const startedWith =
  (kind: "stealth-tls" | "stealth-obfs4"): VpnService["start"] =>
  async (options) => {
    const programs = await Programs.unpack(kind, options);
    programs.start();
    return programs;
  };

/** OpenVPN inside TLS, on the port that OpenVPN itself has as well; by the member's own stunnel, with the kill switch for Linux. */
const tls: VpnService = {
  name: "Stealth in TLS",
  start: startedWith("stealth-tls"),
  engine: /stunnel4 .*stealth-tls\.conf/,
  refusals,
  passwords: true,
};

/** OpenVPN inside obfs4, by the script that comes with the files. */
const obfs4: VpnService = {
  name: "Stealth in obfs4",
  start: startedWith("stealth-obfs4"),
  engine: /obfs4proxy .*stealth-obfs4-/,
  refusals,
  passwords: true,
};

export const stealthTlsCases = (scene: () => ServicesScene): void => vpnServiceCases(tls, scene);
export const stealthObfs4Cases = (scene: () => ServicesScene): void => vpnServiceCases(obfs4, scene);
