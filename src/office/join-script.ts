/**
 * The script that makes a machine a server of this office, POSIX sh, pasted as one line. The hashes of all that it fetches
 * stand in it, and its own hash stands in the line: nobody between the office and the machine can change any of it.
 */
export interface JoinFiles {
  /** `https://vpn.example.net`, without a slash at the end. */
  site: string;
  /** First 8 hex digits of the site's id: tells this office from another. */
  siteTag: string;
  bundle: ServedFile;
  /** The Node runtimes, gzipped, by processor. */
  runtimes: { x64?: ServedFile; arm64?: ServedFile };
}

export interface ServedFile {
  /** On the site: `/exit/bundle-….mjs`. */
  path: string;
  /** Hex. */
  sha256: string;
  bytes: number;
}

/** From Debian; what each is for: docs/dependencies.md. */
const PACKAGES = [
  "openvpn",
  "wireguard-tools",
  "wireguard-go",
  "unbound",
  "nftables",
  "iproute2",
  "dns-root-data",
  "openssl",
  "stunnel4",
  "obfs4proxy",
  "charon-systemd",
  "libcharon-extra-plugins",
  "libstrongswan-standard-plugins",
  "util-linux",
  "gzip",
  "procps",
];
/** Units that those packages bring and that must not come up at the next boot either: package/unit. */
const UNITS = [
  "openvpn/openvpn.service",
  "unbound/unbound.service",
  "nftables/nftables.service",
  "stunnel4/stunnel4.service",
  "charon-systemd/strongswan.service",
];

/** One word for sh, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Throws RangeError where the site's address could not stand in a line of sh. */
export function joinScript({ site, siteTag, bundle, runtimes }: JoinFiles): string {
  checkSite(site);
  const cases = Object.entries({ x86_64: runtimes.x64, aarch64: runtimes.arm64 }).flatMap(
    ([machine, file]) =>
      file === undefined ? [] : [`    ${machine}) node_path=${quoted(file.path)} node_sha=${file.sha256} ;;`],
  );
  const served = [runtimes.x64 && "x86_64", runtimes.arm64 && "aarch64"].filter(Boolean).join(" and ");
  return `#!/bin/sh
# Makes this machine a server of ${site}. The join code comes on standard input.
set -u
umask 022
unset CDPATH
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1

site=${quoted(site)}
site_tag=${siteTag}
bundle_path=${quoted(bundle.path)}
bundle_sha=${bundle.sha256}
code_folder=/opt/lethe-exit
keys=/etc/lethe-exit
release=$(printf '%.12s' "$bundle_sha")
work=

say() { printf '%s\\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

clean_up() {
  restore_policy
  [ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

policy=/usr/sbin/policy-rc.d
aside=$policy.before-lethe
mark='# of Lethe, while it installs packages'
policy_changed=
restore_policy() {
  [ -n "$policy_changed" ] || return 0
  if [ -e "$aside" ] || [ -L "$aside" ]; then mv -f "$aside" "$policy"; else rm -f "$policy"; fi
  policy_changed=
}

installed() { dpkg-query -W -f '\${Status}' "$1" 2> /dev/null | grep -q '^install ok installed'; }

# Their daemons are not started, now or at the next boot: what Lethe needs of them it starts itself.
install_packages() {
  # Of a run that was killed in the middle: it goes whether there is more to install or not.
  if [ -e "$aside" ] || [ -L "$aside" ] || grep -qs "$mark" "$policy"; then policy_changed=1; restore_policy; fi
  missing=
  for name in "$@"; do installed "$name" || missing="$missing $name"; done
  [ -n "$missing" ] || return 0
  say "Installing from Debian:$missing (their daemons are not started) …"
  if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$aside"; fi
  policy_changed=1
  printf '#!/bin/sh\\n%s\\nexit 101\\n' "$mark" > "$policy"
  chmod 755 "$policy"
  options='-o DPkg::Lock::Timeout=300 -qq -y --no-install-recommends'
  # With the lists of an old image apt brings engines with holes that Debian has long mended.
  apt-get -qq update < /dev/null > /dev/null 2>&1
  # shellcheck disable=SC2086
  apt-get $options install $missing < /dev/null > /dev/null
  restore_policy
  if [ -d /run/systemd/system ]; then
    for unit in ${UNITS.join(" ")}; do
      case " $missing " in *" \${unit%/*} "*) systemctl disable --quiet "\${unit#*/}" 2> /dev/null ;; esac
    done
  fi
  absent=
  for name in $missing; do installed "$name" || absent="$absent $name"; done
  [ -z "$absent" ] || fail "These packages could not be installed:$absent. Does apt-get work here? Then paste the line again."
}

check_machine() {
  [ "$(id -u)" = 0 ] || fail "Only root can make this machine a server. Paste the line into a root shell (sudo -i)."
  known=
  [ -r /etc/os-release ] && known=$(. /etc/os-release && printf ' %s %s ' "\${ID-}" "\${ID_LIKE-}")
  case $known in
    *' debian '* | *' ubuntu '*) ;;
    *) fail "This machine runs neither Debian nor Ubuntu: a Lethe server needs one of them." ;;
  esac
  command -v dpkg-query > /dev/null || fail "dpkg is missing: this is no whole Debian or Ubuntu."
  case $(uname -m) in
${cases.join("\n")}
    *) fail "This machine's processor is $(uname -m): this office serves the runtime for ${served} only." ;;
  esac
}

# Standard input is the join code and nothing else; it never stands in an argument, a file or an address.
read_code() {
  code=
  IFS= read -r code || [ -n "$code" ] || fail "No join code came on standard input: paste the whole line from the office."
  server=\${code%%.*}
  case $server in
    '' | *[!a-z0-9-]*) fail "The join code is damaged: copy the whole line from the office again." ;;
  esac
}

check_joined() {
  joined=
  [ -r "$keys/joined" ] || return 0
  read -r joined_server joined_site < "$keys/joined"
  [ "$joined_site" = "$site_tag" ] ||
    fail "This machine is joined to another office already, as $joined_server. To leave that one first: $code_folder/start leave"
  [ "$joined_server" = "$server" ] ||
    fail "This machine is joined to this office already, as $joined_server. To make it $server instead, first: $code_folder/start leave"
  joined=1
}

fetch() { # path sha256 target
  curl -fsSL --proto '=https,http' --retry 2 --connect-timeout 10 -o "$3" "$site$1" ||
    fail "The office does not answer at $site: is its site up, and open to this machine?"
  printf '%s  %s\\n' "$2" "$3" | sha256sum -c --status ||
    fail "What came from $site$1 is not what the line promises (its hash differs): nothing was installed. Make a new line at the office; if it happens again, somebody changes the office's files on their way."
}

fetch_release() {
  folder=$code_folder/releases/$release
  if [ -x "$folder/node" ] && [ "$(cat "$folder/runtime" 2> /dev/null)" = "$node_sha" ] &&
    printf '%s  %s\\n' "$bundle_sha" "$folder/exit.mjs" | sha256sum -c --status 2> /dev/null; then
    return
  fi
  say "Fetching the exit's program from $site …"
  fetch "$bundle_path" "$bundle_sha" "$work/exit.mjs"
  fetch "$node_path" "$node_sha" "$work/node.gz"
  mkdir -p -m 755 "$code_folder" "$code_folder/releases"
  rm -rf "$folder.new" && mkdir -m 755 "$folder.new" || fail "$code_folder cannot be written."
  gzip -dc "$work/node.gz" > "$folder.new/node" || fail "$code_folder cannot be written: is the disk full?"
  rm -f "$work/node.gz"
  cp "$work/exit.mjs" "$folder.new/exit.mjs" && printf '%s\\n' "$node_sha" > "$folder.new/runtime" ||
    fail "$code_folder cannot be written: is the disk full?"
  chmod 755 "$folder.new/node"
  chmod 644 "$folder.new/exit.mjs" "$folder.new/runtime"
  "$folder.new/node" --version > /dev/null 2>&1 ||
    fail "The Node runtime does not run on this machine: it needs Debian 11, Ubuntu 20.04 or newer."
  rm -rf "$folder"
  mv "$folder.new" "$folder"
}

make_users() {
  for user in lethe-keeper lethe-proxy lethe-vpn lethe-stealth; do
    id -u "$user" > /dev/null 2>&1 ||
      useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user" ||
      fail "The system user $user could not be made."
  done
}

part() { "$folder/node" --no-warnings "$folder/exit.mjs" "$@"; }

# What comes from the office is read by an unprivileged process; root checks its MAC before anything in it counts. The site's
# certificate may be of an authority in this machine's own store, as for curl.
enrol() {
  nkey=$(part key) || fail "The exit's key could not be made in $keys."
  answer=$(printf '%s\\n%s\\n%s\\n' "$code" "$nkey" "$site" |
    setpriv --reuid=lethe-keeper --regid=lethe-keeper --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
      "$folder/node" --no-warnings --use-system-ca "$folder/exit.mjs" enrol)
  case $? in
    0) ;;
    3) [ -n "$joined" ] || exit 1
      say "So nothing to enrol: this machine is $server already. Its program is brought up to date."
      rm -f "$keys/link.seed.new"
      return ;;
    *) exit 1 ;;
  esac
  printf '%s\\n%s\\n' "$code" "$answer" | part install || exit 1
  say "Enrolled as $server."
}

start() {
  ln -sfn "releases/$release" "$code_folder/current.new" && mv -T "$code_folder/current.new" "$code_folder/current"
  rm -f "$code_folder/trial" "$code_folder/failed" "$code_folder/previous"
  if [ -d /run/systemd/system ]; then
    part files --unit || fail "The launcher could not be written."
    systemctl daemon-reload
    systemctl enable --quiet lethe-exit.service
    systemctl restart lethe-exit.service || fail "The service did not start: systemctl status lethe-exit"
    say "$server runs as the service lethe-exit, and stands on the status page within a minute. To take it away: $code_folder/start leave"
    return
  fi
  part files || fail "The launcher could not be written."
  say "systemd does not run here: $server runs in the foreground; Ctrl-C ends it. Again later: $code_folder/start foreground"
  clean_up
  trap - EXIT INT TERM HUP
  exec "$code_folder/start" foreground
}

main() {
  check_machine
  read_code
  check_joined
  work=$(mktemp -d /var/tmp/lethe-join.XXXXXX) || fail "No temporary folder could be made."
  install_packages curl ca-certificates ${PACKAGES.join(" ")}
  fetch_release
  make_users
  enrol
  start
}

# At the very end: of a file that came half, nothing runs.
main
`;
}

/**
 * The line for the operator to paste into a root shell of the new machine. The join code goes through a pipe of the shell's
 * own printf, so that it stands in no process's arguments and no file but that shell's history, where it is worth nothing
 * after its use or 30 minutes.
 */
export function joinLine({ site, join, code }: { site: string; join: ServedFile; code: string }): string {
  checkSite(site);
  if (!/^[a-z0-9.-]+$/.test(code)) throw new RangeError("no join code");
  return [
    "f=$(mktemp)",
    `{ command -v curl >/dev/null || { apt-get -qq update && apt-get -qq -y install curl ca-certificates; } >/dev/null; }`,
    `curl -fsSL -o "$f" ${site}${join.path}`,
    `echo "${join.sha256}  $f" | sha256sum -c --quiet -`,
    `printf '%s\\n' ${code} | sh "$f"`,
  ]
    .join(" && ")
    .concat('; r=$?; rm -f "$f"; (exit $r)');
}

function checkSite(site: string): void {
  if (!/^https?:\/\/[A-Za-z0-9.:[\]-]+$/.test(site))
    throw new RangeError("the site's address has no place in a line of sh");
}
