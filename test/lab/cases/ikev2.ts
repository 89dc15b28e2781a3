import { Ikev2Client, type Sswan } from "../ikev2-client.ts";
import type { ServicesScene } from "../services-scene.ts";
import { type VpnService, vpnServiceCases } from "../vpn-service.ts";

/** IKEv2 with strongSwan, by the file for its app that the site gives. */
const ikev2: VpnService = {
  name: "IKEv2",
  async start({ on, folder, exit, member, login }) {
    const { status, text } = await member.ask("GET", `/api/v1/account/profiles/sswan/${exit.name}`);
    if (status !== 200) throw new Error(`no profile for ${exit.name}: ${status} ${text}`);
    const profile = JSON.parse(text) as Sswan;
    return Ikev2Client.start(on, folder, { profile, address: exit.v4, ...login });
  },
  engine: /charon-systemd --lethe=/,
  refusals: {
    wrong: /ERROR_AUTHENTICATION_FAILURE/,
    expired: /ERROR_ACCT_DISABLED/,
    tooMany: /ERROR_NO_DIALIN_PERMISSION/,
  },
  passwords: true,
};

export const ikev2Cases = (scene: () => ServicesScene): void => vpnServiceCases(ikev2, scene);
