#!/bin/sh
# private-users.sh PASSWD SHADOW COMMAND…: runs COMMAND with PASSWD and SHADOW in place of /etc/passwd and /etc/shadow,
# seen by it alone. Started inside a mount namespace of its own (unshare --mount), so the system's own files are not
# touched and there is nothing to put back.
set -eu
mount --bind "$1" /etc/passwd
mount --bind "$2" /etc/shadow
shift 2
exec "$@"
