#!/bin/sh
# tcpstack, one file: this script, and behind it a compressed archive of the program. The first start
# unpacks it into a cache directory of the user's own; every start hands over to what is there.
set -u

key=@KEY@
name=tcpstack

say() {
  echo "$name: $1" >&2
}

# Whether $1 is ours, and others cannot write into it.
own() {
  [ -d "$1" ] && [ -O "$1" ] || return 1
  case $(ls -ldL "$1") in
    d???????w*) return 1 ;;
  esac
}

# Whether $1 is ours alone: what is in there has been put there by us.
private() {
  [ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ] || return 1
  case $(ls -ld "$1") in
    drwx------*) ;;
    *) return 1 ;;
  esac
}

# Unpacks the archive into $1, and sees whether programs may run there at all.
unpack() {
  tail -n +@LINE@ "$0" | gzip -dc | tar -xof - -C "$1" && "$1/$name" --version >"$1/version" 2>&1
}

# Finds or puts the program below the cache directory $1.
in_cache() {
  [ -d "$1" ] || mkdir -m 700 "$1" 2>/dev/null
  own "$1" || return 1
  [ -d "$1/$name" ] || mkdir -m 700 "$1/$name" 2>/dev/null
  private "$1/$name" || return 1
  home=$1/$name/$key
  [ -x "$home/$name" ] && return

  new=$(mktemp -d "$1/$name/new.XXXXXX" 2>/dev/null) || return 1
  trap 'rm -rf "$new"; exit 1' HUP INT TERM
  if ! unpack "$new" 2>/dev/null; then
    rm -rf "$new"
    return 1
  fi
  # The name appears with everything in place. If somebody was faster, ours ends up inside theirs.
  mv "$new" "$home" 2>/dev/null
  rm -rf "$new" "$home/${new##*/}"
  trap - HUP INT TERM
  # What other builds have left.
  find "$1/$name" -mindepth 1 -maxdepth 1 ! -name "$key" -mtime +0 -exec rm -rf {} +
  [ -x "$home/$name" ]
}

# Puts the program into a fresh directory below $1, which goes away when the program has ended.
in_temporary() {
  home=$(mktemp -d "$1/$name.XXXXXX" 2>/dev/null) || return 1
  trap 'rm -rf "$home"; exit 1' HUP INT TERM
  if ! unpack "$home" 2>/dev/null || ! mkfifo "$home/alive"; then
    rm -rf "$home"
    return 1
  fi
  # The program inherits the writing end, and nobody writes: the reader sees the end with the program's.
  (
    trap '' HUP INT TERM
    read -r _ <"$home/alive"
    rm -rf "$home"
  ) </dev/null >/dev/null 2>&1 &
  exec 9>"$home/alive"
  trap - HUP INT TERM
}

system=$(uname -sm)
if [ "$system" != "@SYSTEM@" ]; then
  say "This file was built for @SYSTEM@, and this is $system"
  exit 1
fi

# With sudo, HOME may still be the user's: then root's own is the one that passes.
root=~root
if [ -n "${XDG_CACHE_HOME:-}" ] && own "$XDG_CACHE_HOME" && in_cache "$XDG_CACHE_HOME"; then :
elif [ -n "${HOME:-}" ] && own "$HOME" && in_cache "$HOME/.cache"; then :
elif own "$root" && in_cache "$root/.cache"; then :
elif in_temporary "${TMPDIR:-/tmp}" || in_temporary /tmp; then :
else
  say "No directory to unpack into: give TMPDIR one that can be written to and run from, with 150 MB free"
  exit 1
fi

export DENO_DIR="$home/deno" DENO_NO_UPDATE_CHECK=1
exec "$home/$name" run --quiet --no-config --no-lock --no-remote --no-npm --no-check --no-prompt \
  @PERMISSIONS@ "$home/main.js" "$@"
exit 126
