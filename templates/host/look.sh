#!/bin/sh
# Looks at paths below an app's own folders; part of probe.sh and apply.sh, which run it as the app's user: an app that was broken
# into may have put a link or a pipe anywhere there, and root following one would read for it, or wait for ever.
#
# Usage: sh -c "$(cat look.sh)" sh <LIST     lines INDEX TAB SHA256 TAB SHOW TAB PATH, as probe.sh's `paths`
# Prints a line for each:
#   own INDEX none
#   own INDEX link BASE64
#   own INDEX stat MODE OWNER GROUP SIZE TYPE DIGEST BASE64    DIGEST of a file: SHA256, or `unread`; BASE64: its content, or -
# Exit: 0. Whoever runs it must not trust it to end, nor to say the truth: the app may do anything to a process of its own user.
set -eu
export LC_ALL=C
tab=$(printf '\t')

# nofollow and nonblock, for it may be another file by now: a pipe gives nothing instead of waiting for somebody who writes.
content_of() { timeout -k 1 20 dd if="$1" iflag=nofollow,nonblock bs=65536 status=none 2>/dev/null; }

while IFS=$tab read -r index wanted show encoded; do
  decoded=$(printf '%b_' "$encoded")
  file=${decoded%_}
  if [ -h "$file" ]; then
    printf 'own\t%s\tlink\t%s\n' "$index" "$(readlink -n -- "$file" | base64 -w0)"
  elif seen=$(stat --printf '%a\t%U\t%G\t%s\t%F' -- "$file" 2>/dev/null); then
    digest=- content=-
    if [ -f "$file" ]; then
      size=$(printf '%s' "$seen" | cut -f4)
      digest=unread
      # nothing of ours is as big; a file with holes costs its owner nothing and us hours
      if [ "$size" -le 268435456 ]; then
        digest=$({ { content_of "$file" || printf 'unread' >&3; } | sha256sum | cut -c1-64 >&3; } 3>&1)
        case $digest in unread*) digest=unread ;; esac
      fi
      if [ "$digest" != "$wanted" ] && [ "$show" = 1 ] && [ "$size" -le 65536 ]; then content=$(content_of "$file" | base64 -w0); fi
    fi
    printf 'own\t%s\tstat\t%s\t%s\t%s\n' "$index" "$seen" "$digest" "${content:--}"
  else
    printf 'own\t%s\tnone\n' "$index"
  fi
done
