#!/usr/bin/env bash
# Installs what a fresh Debian machine lacks: `setup.sh demo` for building and showing, `setup.sh test` for the tests too.
# Says each step, does nothing when everything is there, and ends with a plain sentence when it cannot go on.
set -euo pipefail

build_packages=(gcc libc6-dev pkg-config libssl-dev libpcsclite-dev)
demo_packages=(pcscd vsmartcard-vpcd)
test_packages=(python3-pip unzip libfaketime chromium chromium-driver systemd sqlite3 openssl curl util-linux socat)

say() { printf '== %s\n' "$*"; }
stop() { printf 'stopped: %s\n' "$*" >&2; exit 1; }

# The packages among the arguments that are not installed.
missing_packages() {
    local name
    for name in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s\n' "$name"
    done
}

# Runs a command as root: as it is, or by sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -- "$@"
    fi
}

need_root_for() {
    [ "$(id -u)" -eq 0 ] && return
    command -v sudo >/dev/null || stop "$1 needs root, and there is no sudo here. As root, run: $2"
    sudo -n true 2>/dev/null && return
    [ -t 0 ] || stop "$1 needs root, and sudo asks for a password that nobody can type here. As root, run: $2"
    say "$1 needs root: sudo may ask for your password"
}

install_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        stop "this machine has no apt-get. Install what corresponds to these Debian packages, then run cargo by hand: $*"
    fi
    local missing
    mapfile -t missing < <(missing_packages "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        say "system packages: all there"
        return
    fi
    say "system packages: installing ${missing[*]}"
    need_root_for "installing them" "apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    as_root apt-get -q update || say "apt-get update failed (above); trying with the lists that are here"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}" ||
        stop "apt-get could not install them (above). Is there a network? Then by hand: apt-get install ${missing[*]}"
    case " ${missing[*]} " in *" vsmartcard-vpcd "*) reader_is_new=yes ;; esac
}

check_rust() {
    command -v cargo >/dev/null ||
        stop "cargo is not here. Install Rust 1.95 or newer with rustup (Debian's own rustc is too old), then open a new shell"
}

# pcscd must run, and must have been started after the virtual reader's file came: it does not read it again.
start_pcscd() {
    if [ -d /run/systemd/system ]; then
        if [ "$reader_is_new" = yes ]; then
            say "pcscd: restarting it, so that it finds the virtual reader"
            need_root_for "restarting pcscd" "systemctl restart pcscd.socket pcscd.service"
            as_root systemctl stop pcscd.service
            as_root systemctl restart pcscd.socket
        elif ! systemctl is-active --quiet pcscd.socket pcscd.service; then
            say "pcscd: starting its socket"
            need_root_for "starting pcscd" "systemctl start pcscd.socket"
            as_root systemctl start pcscd.socket
        fi
        return
    fi
    local pid
    # The number ends with a null byte.
    pid=$(tr -d '\0' 2>/dev/null < /run/pcscd/pcscd.pid || true)
    if [ -n "$pid" ] && [ -d "/proc/$pid" ]; then
        [ "$reader_is_new" = yes ] || return 0
        say "pcscd: restarting it, so that it finds the virtual reader"
        need_root_for "restarting pcscd" "kill $pid && pcscd"
        as_root kill "$pid"
        while [ -d "/proc/$pid" ]; do sleep 0.1; done
    else
        say "pcscd: starting it (no systemd runs here); it stays until: kill \$(cat /run/pcscd/pcscd.pid)"
        need_root_for "starting pcscd" "pcscd"
    fi
    # Without systemd there is no polkit to ask either; Debian 12's pcscd does not know the option.
    local options=()
    if pcscd --help 2>&1 | grep -q -- --disable-polkit; then options=(--disable-polkit); fi
    as_root pcscd "${options[@]}" || stop "pcscd did not start (above)"
}

# Google's discovery document of Wallet objects, against which the tests hold payloads. It is Google's: it is fetched, not kept
# here. A pinned version, so that a new one is read by people first.
fetch_discovery() {
    local folder="${CARGO_TARGET_DIR:-$(dirname "$0")/../target}/discovery"
    local file=googleapiclient/discovery_cache/documents/walletobjects.v1.json
    [ -s "$folder/walletobjects.v1.json" ] && return
    say "Google's discovery document (from the Python package google-api-python-client)"
    mkdir -p "$folder"
    python3 -m pip download -q --disable-pip-version-check --no-deps -d "$folder" google-api-python-client==2.202.0 ||
        stop "pip could not fetch google-api-python-client (above). Is there a network?"
    python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
        "$folder"/google_api_python_client-2.202.0-*.whl "$file" > "$folder/walletobjects.v1.json.new"
    mv "$folder/walletobjects.v1.json.new" "$folder/walletobjects.v1.json"
}

reader_is_new=no
case "${1:-}" in
demo)
    check_rust
    install_packages "${build_packages[@]}" "${demo_packages[@]}"
    start_pcscd
    say "note: the virtual reader's ports 35963 and 35964 are open to the LAN; never install vsmartcard-vpcd in a shop"
    ;;
test)
    check_rust
    install_packages "${build_packages[@]}" "${demo_packages[@]}" "${test_packages[@]}"
    fetch_discovery
    ;;
*)
    stop "usage: scripts/setup.sh demo|test"
    ;;
esac
