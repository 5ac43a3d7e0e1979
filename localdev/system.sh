# Read by scripts that need a package of the system's: to say things, and to install what Debian and Ubuntu have, where that may be done.

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# What for, in a sentence without its end, then the packages.
install_packages() {
    why=$1
    shift
    command -v apt-get >/dev/null || fail "$why. Install what your system has for: $*"
    [ "$(id -u)" = 0 ] || fail "$why. Run: sudo apt-get install $*"
    say "Installing $* ..."
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        fail "$* could not be installed. Do it, then run make again."
    fi
    rm -f "$log"
}
