import { CODE, KEYS, RUN, START } from "./layout.ts";

/**
 * What the exit's root process may do, capabilities(7): devices, addresses and firewall; low ports; becoming its users and
 * cutting what they may; its own files' owners; ending what it started. Reading over permissions is for the folders that
 * belong to those users. No sys_admin, no ptrace, no modules, no raw sockets.
 */
export const CAPABILITIES = [
  "CAP_NET_ADMIN",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETUID",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_CHOWN",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_DAC_OVERRIDE",
  "CAP_KILL",
] as const;

/** The only folders it writes, beside the network settings of the kernel. unbound has its own where AppArmor binds it to that. */
export const WRITABLE = [CODE, KEYS, RUN, "/etc/unbound"] as const;

/** What every unit that holds an exit shuts (systemd.exec(5), 252); its folders are each unit's own. */
export const HARDENING = `# Nothing of a member on a disk: no core file, no swap.
LimitCORE=0
MemorySwapMax=0
LimitNOFILE=1048576

# wireguard-go and wg look for a device's socket in this folder and no other.
ExecStartPre=+/bin/mkdir -p -m 0755 /run/wireguard
ReadWritePaths=-/run/wireguard

CapabilityBoundingSet=${CAPABILITIES.join(" ")}
AmbientCapabilities=
NoNewPrivileges=yes
SecureBits=
KeyringMode=private

ProtectSystem=strict
PrivateMounts=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
# /proc/sys/net has to stay writable: forwarding is one of the exit's settings.
ProtectKernelTunables=no
DevicePolicy=closed
DeviceAllow=/dev/net/tun rw

RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
# Folders of sockets hand their group on (setgid); a binary with that bit would run nobody's code but our users'.
RestrictSUIDSGID=no
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@mount @swap @reboot @module @raw-io @obsolete @cpu-emulation @debug @clock
SystemCallErrorNumber=EPERM`;

/** The systemd unit (systemd.exec(5), 252): everything that the exit can live without is shut. */
export const unit =
  (): string => `# Written by Lethe's join script; changes are overwritten when it is run again.
[Unit]
Description=Lethe exit
Wants=network-online.target
After=network-online.target nss-lookup.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${START}
Restart=always
RestartSec=1
# Not joined, or a system user is gone: starting again would not help (sysexits.h, EX_CONFIG).
RestartPreventExitStatus=78
TimeoutStopSec=30
# A crash or an upgrade leaves the engines and their sessions; the next start takes them over. A stop ends them itself.
KillMode=process
OOMPolicy=continue
RuntimeDirectory=lethe-exit
RuntimeDirectoryMode=0711
RuntimeDirectoryPreserve=restart
UMask=0077

ReadWritePaths=${CODE} ${KEYS} -/etc/unbound
ProtectHome=yes
PrivateTmp=yes

${HARDENING}

[Install]
WantedBy=multi-user.target
`;
