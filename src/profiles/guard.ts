/**
 * What keeps a Linux machine's traffic in the tunnel whatever its network says, as OpenVPN's up and down script
 * (openvpn(8), --up).
 *
 * A network may hand out routes by DHCP (RFC 3442, option 121) that are more exact than the tunnel's `0.0.0.0/1`, and so
 * draw traffic out of it: CVE-2024-3661, "TunnelVision". Here a rule sends everything but the tunnel's own packets to a
 * table of our own before the main table is asked; routes in the main table then count for nothing. That also shuts the
 * local network out: whoever runs it could call any part of the Internet local ("TunnelCrack", CVE-2023-36672).
 *
 * A program that carries OpenVPN (stunnel, obfs4proxy) marks nothing: what goes by TCP to the one address and port that the
 * profile names (`LETHE_CARRIER`) is led by the main table and marked here.
 */
export const GUARD_SCRIPT = "lethe-guard.sh";

/** "le" in ASCII, as mark of the tunnel's own packets, number of the table, and place of the rule. */
export const GUARD_MARK = 27_749;

export const guardScript = (): string => `#!/bin/sh
# Keeps all traffic in the tunnel, and everything shut when the tunnel breaks. OpenVPN runs it; by hand:
#   sudo sh ${GUARD_SCRIPT} off      lets traffic out again, after OpenVPN died and was not started anew
set -eu
PATH=/usr/sbin:/sbin:/usr/bin:/bin
number=${GUARD_MARK}

fail() {
  echo "${GUARD_SCRIPT}: $1" >&2
  exit 1
}

families() {
  echo -4
  if [ -e /proc/net/if_inet6 ]; then echo -6; fi
}

off() {
  nft delete table inet lethe_guard 2>/dev/null || true
  for family in $(families); do
    while ip $family rule del pref $number 2>/dev/null; do :; done
    while ip $family rule del pref $((number - 1)) 2>/dev/null; do :; done
    ip $family route flush table $number 2>/dev/null || true
    # In IPv6 it belongs to no device of the table's, and is not flushed with it.
    ip $family route del unreachable default metric 4294967295 table $number 2>/dev/null || true
  done
}

# $1: the tunnel's device.
on() {
  case $1 in '' | *[!A-Za-z0-9_.-]*) fail "not a device" ;; esac
  for tool in ip nft; do
    command -v $tool >/dev/null || fail "the command $tool is missing: install iproute2 and nftables"
  done
  carrier=
  server=\${LETHE_CARRIER:-}
  if [ -n "$server" ]; then
    port=\${server##*:}
    server=\${server%:*}
    case $server in *[!0-9.]*) fail "not an address" ;; esac
    case $port in '' | *[!0-9]*) fail "not a port" ;; esac
    carrier="ip daddr $server tcp dport $port meta mark set $number accept"
  fi
  inside=
  for address in "\${ifconfig_local:-}" "\${ifconfig_ipv6_local:-}"; do
    case $address in
      *[!0-9a-fA-F:.]*) fail "not an address" ;;
      *:*) inside="$inside iifname != \\"$1\\" ip6 daddr $address fib saddr type != local drop;" ;;
      *.*) inside="$inside iifname != \\"$1\\" ip daddr $address fib saddr type != local drop;" ;;
    esac
  done
  # Replaced in one step: what stood shut stays shut meanwhile.
  nft -f - <<END
table inet lethe_guard
delete table inet lethe_guard
table inet lethe_guard {
  chain out {
    type filter hook output priority 0; policy drop;
    oifname { "lo", "$1" } accept
    meta mark $number accept
    $carrier
    udp sport 68 udp dport 67 accept
    udp sport 546 udp dport 547 accept
    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept
  }
  chain names {
    type nat hook output priority -100;
    oifname "$1" meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat ip to $LETHE_DNS4
    oifname "$1" meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 dnat ip6 to $LETHE_DNS6
  }
  # From outside nobody reaches the tunnel's own addresses (CVE-2019-14899).
  chain raw {
    type filter hook prerouting priority -300;
    $inside
  }
  # Answers to the tunnel's packets bear its mark too, for reverse path filtering.
  chain keep {
    type filter hook postrouting priority -150;
    meta mark $number ct mark set meta mark
  }
  chain back {
    type filter hook prerouting priority -150;
    ct mark $number meta mark set ct mark
  }
}
END
  # Reverse path filtering, loose too, has to see that mark: without it, it finds the table shut, and drops the answers.
  echo 1 >/proc/sys/net/ipv4/conf/all/src_valid_mark || true
  # What carries the tunnel goes by the main table, and nothing else does: it bears no mark when its way is looked up.
  while ip -4 rule del pref $((number - 1)) 2>/dev/null; do :; done
  [ -z "$server" ] || ip -4 rule add to "$server" ipproto tcp dport "$port" lookup main pref $((number - 1))
  for family in $(families); do
    # Where the device is gone, or the tunnel has no IPv6, this is what is left of the table.
    ip $family route replace unreachable default metric 4294967295 table $number
    ip $family route flush table $number dev "$1" 2>/dev/null || true
    ip $family route replace default dev "$1" table $number 2>/dev/null || [ $family = -6 ]
    [ -n "$(ip $family rule show pref $number)" ] ||
      ip $family rule add not fwmark $number lookup $number pref $number
  done
  if [ -e /run/systemd/resolve/stub-resolv.conf ] && command -v resolvectl >/dev/null; then
    resolvectl dns "$1" "$LETHE_DNS4" && resolvectl domain "$1" '~.' || true
  fi
}

case "\${script_type:-}:\${signal:-}:\${1:-}" in
  up:*) on "\${dev:-}" ;;
  # The member ends it. On any other end (the login was refused, the server is gone) everything stays shut.
  down:sigterm:* | down:sigint:* | down:exit-with-notification:*) off ;;
  down:*) echo "${GUARD_SCRIPT}: the tunnel ended; nothing leaves this machine until it is back, or: sudo sh ${GUARD_SCRIPT} off" >&2 ;;
  ::off) off ;;
  *) fail "OpenVPN runs it as its up and down script; by hand only: off" ;;
esac
`;
