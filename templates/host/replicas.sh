# Replicas in directories, as a plan needs to know them; read by probe.sh.
# shellcheck shell=sh disable=SC2154 # variables are shared with the program that sources it

# Of what is mounted on it nothing is seen in a mount of the folder above, made for this look alone.
below() { # PATH
  # shellcheck disable=SC2016 # $1 is that shell's
  mkdir -p below && unshare --mount -- sh -c 'mount --bind -- "${1%/*}/" below && stat -c "%U %a" -- "below/${1##*/}"' sh "$1" 2>/dev/null
}

# Request: lines PATH TAB PREFIX. Answer, as nobody sees it, for a server may deny root:
#   replica INDEX mounted|bare [OWNER MODE of the directory below what is mounted]
#   held INDEX INSTANCE BASE64      the newest owner object of each folder
replicas() {
  [ -s replicas ] || return 0
  index=0
  while IFS=$tab read -r root prefix; do
    here=$(stat -c %d -- "$root" 2>/dev/null) || here=
    if [ -e "$root/.streamside-replica" ] || { [ -n "$here" ] && [ "$here" != "$(stat -c %d -- "${root%/*}/")" ]; } ||
      { [ -z "$here" ] && findmnt -n "$root" >/dev/null; }; then
      below=$(below "$root") || below=
      say replica "$index" mounted "${below% *}" "${below#* }"
      # shellcheck disable=SC2016 # $1 is that shell's
      (cd / && timeout -k 2 10 setpriv --reuid nobody --regid nogroup --clear-groups --bounding-set=-all --no-new-privs -- sh -c '
        [ -e "$1/.streamside-replica" ] || exit 0
        for folder in "$1${2:+/$2}"/*/; do
          newest=$(ls -1 -- "$folder" 2>/dev/null | sed -n "s/^owner\.\([1-9][0-9]*\)\.json\$/\1/p" | sort -n | tail -n 1)
          name=${folder%/}
          [ -z "$newest" ] || printf "%s\t%s\n" "${name##*/}" "$(head -c 65536 -- "$folder/owner.$newest.json" | base64 -w0)"
        done' sh "$root" "$prefix" 2>/dev/null || :) | grep -E "^[^$tab]+${tab}[A-Za-z0-9+/=]+$" | head -n 200 | sed "s/^/held$tab$index$tab/" || :
    else
      say replica "$index" bare
    fi
    index=$((index + 1))
  done <replicas
}
