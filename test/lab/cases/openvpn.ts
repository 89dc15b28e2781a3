import { OpenVpnClient } from "../openvpn-client.ts";
import type { ServicesScene } from "../services-scene.ts";
import { type VpnService, vpnServiceCases } from "../vpn-service.ts";

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
  refusals: { wrong: /AUTH_FAILED/, expired: /AUTH_FAILED/, tooMany: /AUTH_FAILED/ },
  passwords: true,
  opensDeviceAnew: true,
};

export const openvpnCases = (scene: () => ServicesScene): void => vpnServiceCases(openvpn, scene);
