import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { findProgram } from "../lib/run-command.ts";
import { bad, type Finding, good } from "./finding.ts";

/** Where WireGuard will run: in the kernel where that has it, built in or as a module it can load (depmod(8)); else in wireguard-go. */
export function checkWireguard(port: number, root = "/"): Finding {
  if (port === 0) return good("wireguard", "not offered (wireguard.port = 0)");
  if (kernelHasWireguard(root)) return good("wireguard", "the kernel has it");
  return findProgram("wireguard-go") === undefined
    ? bad("wireguard", "the kernel has none, and wireguard-go is missing", "apt-get install wireguard-go")
    : good("wireguard", "the kernel has none: wireguard-go does it");
}

/** `root`: where the file system is looked at. */
export function kernelHasWireguard(root: string): boolean {
  if (existsSync(`${root}/sys/module/wireguard`)) return true;
  return ["modules.builtin", "modules.dep"].some((list) => {
    try {
      return readFileSync(`${root}/lib/modules/${release()}/${list}`, "utf8").includes("/wireguard.ko");
    } catch {
      return false;
    }
  });
}
