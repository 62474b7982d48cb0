#!/usr/bin/env bash
# Makes a real, windowed Blender ready, with a screen that needs no monitor and no graphics card, and prints the root
# folder that it lies in: "/" on a Debian that has the package, else a chroot of SUITE, which takes some minutes once.
#   SUITE=trixie (Blender 4.3, the default) or sid (Blender 5)
# Where it cannot be made (no Debian, not root, no network), it says so in a sentence and exits with 3.
set -euo pipefail
SUITE=${SUITE:-trixie}
ROOT=${WINDOW_ROOT:-/var/tmp/blender-$SUITE}
PROGRAMS=(blender Xvfb openbox xdotool import)
PACKAGES=(blender xvfb openbox xdotool imagemagick x11-utils procps fonts-dejavu-core ca-certificates
  libgl1-mesa-dri libegl-mesa0 libglx-mesa0 libegl1 libgl1
  python3-numpy python3-requests python3-zstandard python3-cattr python3-attr)  # Blender's own add-ons want these
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() { echo "$*" >&2; }
cannot() { say "$*"; exit 3; }
# Nothing is half installed, and every program is there.
has_all() { chroot "$ROOT" sh -c '[ -z "$(dpkg --audit)" ] && for p; do command -v "$p" >/dev/null || exit 1; done' sh "${PROGRAMS[@]}" 2>/dev/null; }

[ "$(id -u)" = 0 ] || cannot "A window is built by root only."
. /etc/os-release
[ "$ID" = debian ] || cannot "A window is built on Debian only; this is $PRETTY_NAME."
[ "${VERSION_CODENAME:-}" != "$SUITE" ] || ROOT=/
if has_all; then echo "$ROOT"; exit; fi
if [ "$ROOT" != / ] && [ -z "${OWN_MOUNTS:-}" ]; then
  unshare --mount true 2>/dev/null || cannot "This root may not mount folders."
  # Mounts of this script's own vanish with it, so that no clean-up can be missed.
  OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
fi
apt-get update -qq -o APT::Update::Error-Mode=any >/dev/null 2>&1 || cannot "Debian's packages cannot be reached."

install() { chroot "$ROOT" apt-get install -y -qq --no-install-recommends "${PACKAGES[@]}" >"$LOG" 2>&1 || { tail -20 "$LOG" >&2; cannot "Blender's packages could not be installed."; }; }

if [ "$ROOT" = / ]; then
  LOG=/var/tmp/blender-window.log
  say "Installing Debian's Blender."
  install
else
  LOG=$ROOT.log
  MIRROR=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -v snapshot | head -1 | tr -d ' ' || true)  # one of the two is often missing
  [ -n "$MIRROR" ] || cannot "No mirror of Debian is named in /etc/apt."
  command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
  say "Building a chroot of Debian $SUITE in $ROOT; this takes some minutes, once."
  if [ ! -x "$ROOT/usr/bin/apt-get" ] || [ -d "$ROOT/debootstrap" ]; then
    rm -rf --one-file-system "$ROOT"
    debootstrap --variant=minbase "$SUITE" "$ROOT" "$MIRROR" >"$LOG" 2>&1 || { tail -5 "$LOG" >&2; cannot "Debian $SUITE could not be fetched from $MIRROR."; }
  fi
  mount -t proc proc "$ROOT/proc"
  # sid's list of packages is often older than it says it may be.
  printf 'Acquire::Languages "none";\nAcquire::Retries "3";\nAcquire::Check-Valid-Until "false";\n' >"$ROOT/etc/apt/apt.conf.d/99window"
  printf 'path-exclude=/usr/share/%s/*\n' doc man locale >"$ROOT/etc/dpkg/dpkg.cfg.d/99window"
  # No service is started.
  printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d" && chmod +x "$ROOT/usr/sbin/policy-rc.d"
  for settings in /etc/apt/apt.conf.d/*[Pp]rox*; do [ ! -f "$settings" ] || cp "$settings" "$ROOT/etc/apt/apt.conf.d/"; done
  cp -L /etc/resolv.conf /etc/hosts "$ROOT/etc/"
  chroot "$ROOT" apt-get update -qq || cannot "The packages of Debian $SUITE cannot be reached."
  install
  chroot "$ROOT" apt-get clean
fi
has_all || { say "Something is missing in $ROOT; see $LOG."; exit 1; }
echo "$ROOT"
