#!/usr/bin/env bash
# Brings a machine to the point where Countersign can be built:
#   scripts/setup.sh         to build and run it
#   scripts/setup.sh test    to run every check too
# Installs what is missing where it may (Debian and Ubuntu), names it elsewhere,
# and does nothing when nothing is missing.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

purpose="${1:-build}"

# version_below HAVE WANT: compares major.minor.
version_below() {
  local have_major have_minor want_major want_minor
  IFS=. read -r have_major have_minor _ <<<"$1"
  IFS=. read -r want_major want_minor _ <<<"$2"
  ((have_major < want_major || (have_major == want_major && have_minor < ${want_minor:-0})))
}

check_toolchains() {
  local want have
  if ! has cargo || ! has rustc; then
    fail "Rust is not installed." "Install it with rustup, then run this again."
  fi
  want="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)"
  have="$(rustc --version | cut -d ' ' -f 2)"
  if version_below "$have" "$want"; then
    fail "Rust $have is too old: Countersign needs $want or newer." "Update it: rustup update stable"
  fi
  want="$(sed -n 's/^ *"node": ">=\([0-9.]*\)".*/\1/p' ui/package.json)"
  if ! has node || ! has npm; then
    fail "Node.js or npm is not installed." "Install Node.js $want or newer, then run this again."
  fi
  have="$(node --version)"
  have="${have#v}"
  if version_below "$have" "$want"; then
    fail "Node.js $have is too old: Countersign needs $want or newer." "Install a newer one, then run this again."
  fi
  if [[ $purpose != test ]]; then return; fi
  if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    fail "rustfmt or clippy is missing; the checks need both." "Install them: rustup component add rustfmt clippy"
  fi
}

# On Debian and Ubuntu: install what dpkg does not know as installed.
install_debian_packages() {
  local wanted=(build-essential pkg-config libwebkit2gtk-4.1-dev librsvg2-dev libdbus-1-dev
    libayatana-appindicator3-1)
  if [[ $purpose == test ]]; then
    wanted+=(xvfb openbox xdotool imagemagick webkit2gtk-driver dbus at-spi2-core fonts-dejavu-core
      dunst openssh-client openssh-server procps)
  fi
  local missing=() package
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then return; fi

  local root=()
  if [[ $(id -u) -eq 0 ]]; then
    say "Installing system packages: ${missing[*]}"
  elif has sudo; then
    root=(sudo)
    say "Installing system packages through sudo: ${missing[*]}"
  else
    fail "These system packages are missing, and there is neither root nor sudo to install them:" "${missing[*]}" \
      "Have them installed, then run this again."
  fi
  "${root[@]}" apt-get update
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

# On other Linux systems: look for what the packages bring, and name them.
check_other_linux() {
  local missing=() thing
  for thing in cc pkg-config; do has "$thing" || missing+=("$thing"); done
  if has pkg-config; then
    for thing in webkit2gtk-4.1 librsvg-2.0 dbus-1; do
      pkg-config --exists "$thing" || missing+=("$thing")
    done
  fi
  if [[ $purpose == test ]]; then
    for thing in Xvfb openbox xdotool import dunst WebKitWebDriver dbus-daemon setpriv ssh kill; do
      has "$thing" || missing+=("$thing")
    done
    # It lies beside the programs of root, which need not be in PATH.
    [[ -x /usr/sbin/sshd || -x /usr/bin/sshd ]] || missing+=(sshd)
  fi
  if ((${#missing[@]} == 0)); then return; fi
  fail "Missing on this system: ${missing[*]}" \
    "Fedora: sudo dnf install gcc pkgconf-pkg-config webkit2gtk4.1-devel librsvg2-devel dbus-devel libayatana-appindicator-gtk3" \
    "        for the tests also: xorg-x11-server-Xvfb openbox xdotool ImageMagick dunst dbus-daemon at-spi2-core dejavu-sans-fonts openssh-server procps-ng" \
    "Arch:   sudo pacman -S --needed base-devel webkit2gtk-4.1 librsvg dbus libayatana-appindicator" \
    "        for the tests also: xorg-server-xvfb openbox xdotool imagemagick dunst at-spi2-core ttf-dejavu openssh procps-ng" \
    "        and WebKitWebDriver, which comes with WebKitGTK or in a package of its own" \
    "Other:  WebKitGTK 4.1, librsvg and D-Bus with their development files, a C compiler and pkg-config." \
    "Install them, then run this again."
}

check_macos() {
  xcode-select -p >/dev/null 2>&1 || fail "Apple's command line tools are missing." \
    "Install them: xcode-select --install" "Then run this again."
}

check_windows() {
  case "$(rustc -vV | sed -n 's/^host: //p')" in
  *-msvc) ;;
  *) fail "Rust for Windows must be the MSVC one." "Select it: rustup default stable-msvc" \
    "It needs \"Desktop development with C++\" from the Visual Studio Build Tools (winget: Microsoft.VisualStudio.2022.BuildTools)" \
    "and, on Windows 10, the WebView2 runtime (winget: Microsoft.EdgeWebView2Runtime)." ;;
  esac
}

check_toolchains
case "$(uname -s)" in
Linux) if has apt-get && has dpkg-query; then install_debian_packages; else check_other_linux; fi ;;
Darwin) check_macos ;;
MINGW* | MSYS* | CYGWIN*) check_windows ;;
*) fail "Countersign is built on Linux, macOS and Windows; this is $(uname -s)." ;;
esac
npm_ci ui
npm_ci tools/codex
