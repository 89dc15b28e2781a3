import { type DnsLevel, resolverOf } from "../lib/dns-levels.ts";

/** Where the router has the member's login; the profile names it. */
export const OPENWRT_LOGIN = "/etc/openvpn/lethe.auth";

/**
 * Sets an OpenWrt router (22.03 and newer) up for the profile beside it: OpenVPN as a service, or as an interface of the network where its
 * package has no service any more (openwrt/packages#28533), a firewall zone of the tunnels,
 * names asked through them, and a kill switch: what is behind the router goes into the tunnel or nowhere. `off` puts back
 * what it has changed.
 */
export const openwrtScript = (level: DnsLevel = "none"): string => `#!/bin/sh
# On an OpenWrt router, as root, beside the profiles:  sh setup.sh london1     and back:  sh setup.sh off
set -eu

fail() {
  echo "setup.sh: $1" >&2
  exit 1
}

# Where the home network may go out: to the line (1) or not (0).
to_wan() {
  at=0
  while from=$(uci -q get "firewall.@forwarding[$at].src"); do
    if [ "$from:$(uci -q get "firewall.@forwarding[$at].dest")" = lan:wan ]; then
      uci set "firewall.@forwarding[$at].enabled=$1"
    fi
    at=$((at + 1))
  done
}

restart() {
  uci commit
  /etc/init.d/firewall restart
  /etc/init.d/dnsmasq restart
  if [ -x /etc/init.d/openvpn ]; then
    /etc/init.d/openvpn restart
  else
    /etc/init.d/network reload
    [ "$name" = off ] || ifup lethe
  fi
}

clear_away() {
  uci -q delete openvpn.lethe || true
  uci -q delete network.lethe || true
  uci -q delete firewall.lethe || true
  uci -q delete firewall.lethe_lan || true
  uci -q del_list "dhcp.@dnsmasq[0].server=$(uci -q get lethe.names.server || true)" || true
  uci -q delete "dhcp.@dnsmasq[0].noresolv" || true
}

name=\${1:-}
[ -n "$name" ] || fail "say which server, such as: sh setup.sh london1"
if [ "$name" = off ]; then
  clear_away
  to_wan 1
  rm -f ${OPENWRT_LOGIN} /etc/openvpn/lethe.ovpn /etc/config/lethe
  restart
  exit 0
fi
case $name in *[!a-z0-9-]*) fail "not a server's name" ;; esac
[ -f "$name.ovpn" ] || fail "there is no $name.ovpn in this folder"
[ -x /usr/sbin/openvpn ] || fail "OpenVPN is missing. Install it: opkg update && opkg install openvpn-openssl (newer: apk add openvpn-openssl)"

printf 'VPN username: '
read -r username
printf 'VPN password: '
stty -echo 2>/dev/null || true
read -r password
stty echo 2>/dev/null || true
mkdir -p /etc/openvpn
umask 077
printf '%s\\n%s\\n' "$username" "$password" >${OPENWRT_LOGIN}
cp "$name.ovpn" /etc/openvpn/lethe.ovpn

clear_away
touch /etc/config/lethe
if [ -x /etc/init.d/openvpn ]; then
  uci batch <<END
set openvpn.lethe=openvpn
set openvpn.lethe.enabled=1
set openvpn.lethe.config=/etc/openvpn/lethe.ovpn
END
else
  uci batch <<END
set network.lethe=interface
set network.lethe.proto=openvpn
set network.lethe.config=/etc/openvpn/lethe.ovpn
END
fi
uci batch <<END
set lethe.names=resolver
set lethe.names.server=${resolverOf(level).v4}
set firewall.lethe=zone
set firewall.lethe.name=lethe
add_list firewall.lethe.device=tun+
set firewall.lethe.input=REJECT
set firewall.lethe.forward=REJECT
set firewall.lethe.output=ACCEPT
set firewall.lethe.masq=1
set firewall.lethe.masq6=1
set firewall.lethe.mtu_fix=1
set firewall.lethe_lan=forwarding
set firewall.lethe_lan.src=lan
set firewall.lethe_lan.dest=lethe
set dhcp.@dnsmasq[0].noresolv=1
add_list dhcp.@dnsmasq[0].server=${resolverOf(level).v4}
END
to_wan 0
restart
echo "Done. What is behind this router goes through $name, or nowhere."
`;
