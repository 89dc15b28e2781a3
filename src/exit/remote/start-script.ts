import { CODE, KEYS, RUN, UNIT } from "./layout.ts";

/** How often a release on trial is started before the former one comes back. */
const TRIES = 2;
/** A release on trial that neither ends nor says that it is well: the process itself gives up after 90 s (trial.ts). */
const HUNG_AFTER_S = 120;

/**
 * `/opt/lethe-exit/start`, POSIX sh: what systemd runs. It decides which release runs, and is no part of any: so that a
 * release that cannot even start is taken back. `start foreground` does systemd's part where there is none; `start leave`
 * takes the whole exit away.
 */
export const startScript = (): string => `#!/bin/sh
# Lethe exit. Usage: start              runs the exit (systemd does this)
#                    start foreground   the same where there is no systemd: starts it again when it crashes
#                    start leave        ends it and takes all of it away
set -u
umask 077
ulimit -c 0
cd ${CODE} || exit 1

say() { printf '%s\\n' "$*"; }

# Whether the process of this number is ours: numbers are given again.
is_exit() {
  case $(readlink "/proc/$1/exe") in ${CODE}/releases/*/node*) ;; *) return 1 ;; esac
}

link_to() { # target name
  ln -sfn "$1" "$2.new" && mv -T "$2.new" "$2"
}

# A trial's file: how often it was started, then the services that were well before.
note_tries() {
  { printf '%s\\n' "$1"; sed 1d trial; } > trial.new && mv trial.new trial
}

roll_back() {
  bad=$(readlink current)
  good=$(readlink previous)
  if [ -n "$good" ] && [ "$bad" != "$good" ] && [ -x "$good/node" ]; then
    printf '%s\\n' "\${bad#releases/}" > failed.new && mv failed.new failed
    link_to "$good" current
  fi
  rm -f trial
}

try_release() {
  read -r tries < trial || tries=${TRIES}
  case $tries in [0-9]) ;; *) tries=${TRIES} ;; esac
  if [ "$tries" -ge ${TRIES} ]; then
    roll_back
    return
  fi
  tries=$((tries + 1))
  note_tries "$tries"
  (
    waited=0
    while [ "$waited" -lt ${HUNG_AFTER_S} ]; do
      sleep 3
      waited=$((waited + 3))
      # Over, or another try's.
      [ -e trial ] && [ "$(sed -n 1p trial)" = "$tries" ] && is_exit $$ || exit 0
    done
    note_tries 9
    kill -KILL $$
  ) < /dev/null > /dev/null 2>&1 &
}

run() {
  [ ! -e trial ] || try_release
  # Openssl's temporary files too: nothing goes to a disk.
  mkdir -p -m 0711 ${RUN}
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TMPDIR=${RUN} \\
    ./current/node --no-warnings --disable-sigusr1 ./current/exit.mjs run
}

ram_folder() {
  mkdir -p -m 0711 ${RUN}
  [ "$(stat -f -c %T ${RUN})" = tmpfs ] && return
  mount -t tmpfs -o mode=0711,nosuid,nodev,noexec lethe-exit ${RUN} 2> /dev/null ||
    say "Note: ${RUN} is not in memory and no tmpfs can be mounted there: the roster is then kept with a key that dies with the process."
}

foreground() {
  ram_folder
  child= ending=
  trap 'ending=1; [ -z "$child" ] || kill -TERM "$child" 2> /dev/null' INT TERM HUP
  while :; do
    # Not killed by the terminal's Ctrl-C: we tell it.
    "${CODE}/start" & child=$!
    while wait "$child"; code=$?; kill -0 "$child" 2> /dev/null; do :; done
    [ -z "$ending" ] && [ "$code" -ne 0 ] || exit 0
    # Not joined: starting again would not help.
    [ "$code" -ne 78 ] || exit 78
    sleep 2
  done
}

leave() {
  [ "$(id -u)" = 0 ] || { say "Only root can take the exit away."; exit 1; }
  if [ -d /run/systemd/system ]; then
    systemctl disable --now --quiet lethe-exit.service 2> /dev/null
    rm -f ${UNIT}
    systemctl daemon-reload
  fi
  # The one in the foreground takes its engines, devices and firewall away when it is told to end.
  if [ -s ${RUN}/pid ]; then
    pid=$(cat ${RUN}/pid)
    if is_exit "$pid"; then
      kill -TERM "$pid"
      tries=0
      while [ -e "/proc/$pid" ] && [ "$tries" -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done
    fi
  fi
  # What a crash left.
  ./current/node --no-warnings ./current/exit.mjs clear
  umount ${RUN} 2> /dev/null
  cd /
  rm -rf ${RUN} ${KEYS} ${CODE}
  for user in lethe-keeper lethe-proxy lethe-vpn lethe-stealth; do
    # An office on the same machine has these users too.
    [ -d /var/lib/lethe ] || userdel "$user" 2> /dev/null
  done
  say "The exit is gone from this machine: its keys, its code, its users. Debian's packages stay."
  say "At the office: lethe server remove NAME"
}

case \${1-run} in
  run) run ;;
  foreground) foreground ;;
  leave) leave ;;
  *) say "usage: start [foreground|leave]"; exit 64 ;;
esac
`;
