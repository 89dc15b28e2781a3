import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { IKEV2, WIREGUARD } from "../exit/tunnel-plan.ts";
import { findProgram } from "../lib/run-command.ts";
import { bad, type Finding, good } from "./finding.ts";

/**
 * Where WireGuard runs: what its device is, where it is there; else in the kernel where that has it, built in or as a module it
 * can load (depmod(8)), or in wireguard-go. `root`: where the file system is looked at.
 */
export function checkWireguard(port: number, root = "/"): Finding {
  if (port === 0) return good("wireguard", "not offered (wireguard.port = 0)");
  const now = deviceKind(root, WIREGUARD.device);
  if (now !== undefined) return good("wireguard", `runs in ${now === "tun" ? "wireguard-go" : "the kernel"}`);
  if (kernelHas(root, "wireguard")) return good("wireguard", "the kernel has it");
  return findProgram("wireguard-go") === undefined
    ? bad("wireguard", "the kernel has none, and wireguard-go is missing", "apt-get install wireguard-go")
    : good("wireguard", "the kernel has none: wireguard-go does it");
}

/** The same of ESP, IKEv2's packets: an XFRM interface of the kernel's, or strongSwan itself (kernel-libipsec). */
export function checkEsp(enabled: boolean, root = "/"): Finding {
  if (!enabled) return good("ikev2", "not offered (ikev2.enabled = false)");
  const now = deviceKind(root, IKEV2.device);
  if (now !== undefined)
    return good("ikev2", `ESP runs in ${now === "tun" ? "strongSwan itself" : "the kernel"}`);
  const inKernel = kernelHas(root, "xfrm_interface") && kernelHas(root, "esp4");
  return good(
    "ikev2",
    inKernel
      ? "the kernel has ESP and XFRM interfaces"
      : "the kernel shows no ESP with XFRM interfaces: strongSwan does it itself",
  );
}

function deviceKind(root: string, device: string): "tun" | "kernel" | undefined {
  const folder = `${root}/sys/class/net/${device}`;
  if (!existsSync(folder)) return undefined;
  return existsSync(`${folder}/tun_flags`) ? "tun" : "kernel";
}

function kernelHas(root: string, module: string): boolean {
  if (existsSync(`${root}/sys/module/${module}`)) return true;
  return ["modules.builtin", "modules.dep"].some((list) => {
    try {
      return readFileSync(`${root}/lib/modules/${release()}/${list}`, "utf8").includes(`/${module}.ko`);
    } catch {
      return false;
    }
  });
}
