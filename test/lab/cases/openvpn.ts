import { OpenVpnClient } from "../openvpn-client.ts";
import type { ServicesScene } from "../services-scene.ts";
import { type VpnService, vpnServiceCases } from "../vpn-service.ts";

/** What OpenVPN's client says, in the words that it was sent: one for a wrong password is none for an account that has run out. */
export const OPENVPN_REFUSALS: VpnService["refusals"] = {
  wrong: /AUTH_FAILED,Wrong VPN username or password/,
  expired: /AUTH_FAILED,Your paid time is over/,
  tooMany: /AUTH_FAILED,Too many sessions/,
};

/** OpenVPN, by the profile that the site gives. */
const openvpn: VpnService = {
  name: "OpenVPN",
  async start({ on, folder, exit, member, login }) {
    const client = OpenVpnClient.start(on, folder, { ...(await member.vpn(exit.name)), ...login });
    return {
      online: (timeoutMs) => client.online(timeoutMs),
      said: () => client.output.join("\n"),
      stop: () => client.stop(),
    };
  },
  engine: /openvpn .*--config (?!stdin)/,
  refusals: OPENVPN_REFUSALS,
  passwords: true,
  opensDeviceAnew: true,
};

export const openvpnCases = (scene: () => ServicesScene): void => vpnServiceCases(openvpn, scene);
