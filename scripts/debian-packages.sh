#!/bin/sh
# Installs Debian packages whose programs are missing, without letting any of their services run, now or at the next boot.
#   scripts/debian-packages.sh program:package ...
set -eu

say() { echo "gatehouse: $*" >&2; }
fail() { say "$*"; exit 1; }
# Debian keeps servers in sbin, which is not in everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin

missing=""
for pair in "$@"; do
  command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || fail "missing:$missing; this is not Debian, so install them by hand and run this again"
[ "$(id -u)" = 0 ] || fail "missing:$missing; run as root: apt-get install$missing"

policy=/usr/sbin/policy-rc.d
saved=$policy.before-gatehouse
log=$(mktemp)

# One installation at a time on this machine: the policy file below belongs to all.
exec 8>/var/lock/gatehouse-packages.lock
! command -v flock >/dev/null || flock 8

restore() {
  rm -f "$policy" "$log"
  [ ! -e "$saved" ] || mv -f "$saved" "$policy"
}
# An earlier run that was killed may have left the policy of before.
[ ! -e "$saved" ] || mv -f "$saved" "$policy"
[ ! -e "$policy" ] || mv "$policy" "$saved"
trap restore EXIT
trap 'exit 130' INT TERM HUP
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

before=$(mktemp)
units() { ls /lib/systemd/system /usr/lib/systemd/system /etc/init.d 2>/dev/null | sort -u; }
units >"$before"

say "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0"
{ $apt update || say "apt-get update failed; trying with the lists that are there"; } >>"$log" 2>&1
# shellcheck disable=SC2086 # one word per package
if ! $apt install --no-install-recommends $missing >>"$log" 2>&1; then
  tail -n 30 "$log" >&2
  rm -f "$before"
  fail "apt-get could not install$missing"
fi

# policy-rc.d stops the start of now; this stops the one at the next boot. Services of before are left alone.
units | comm -13 "$before" - | grep -E '^(redis|docker|containerd|avahi)[a-z-]*(\.service|\.socket)?$' |
  while read -r unit; do
    find /etc/systemd/system -type l -lname "*/$unit" -delete 2>/dev/null || true
    [ ! -e "/etc/init.d/$unit" ] || update-rc.d "$unit" disable >/dev/null 2>&1 || true
  done
rm -f "$before"
