#!/bin/sh
# Looks at paths below an app's own folders; part of own-paths.sh, which runs it as the app's user: an app that was broken into may
# have put a link or a pipe anywhere there, and root following one would read for it, or wait for ever.
#
# Usage: sh -c "$(cat look.sh)" sh <LIST     lines INDEX TAB SHA256 TAB SHOW TAB PATH, as probe.sh's `paths`
#        sh -c "$(cat enter.sh look.sh)" sh closed <LIST     as root, at what is closed to that user: it enters each folder, and says
#                                                 of a file's content no more than whether it is what was wanted
# Prints a line for each:
#   own INDEX none
#   own INDEX unseen             below a folder that this user may not enter
#   own INDEX link BASE64
#   own INDEX stat MODE OWNER GROUP SIZE TYPE DIGEST BASE64    TYPE as stat says, or `mount`: a folder on another mount than the state
#                                directory; DIGEST of a file: SHA256, or `unread`; BASE64: its content, or -
# Exit: 0. Whoever runs it must not trust it to end, nor to say the truth: the app may do anything to a process of its own user.
set -eu
export LC_ALL=C
tab=$(printf '\t')
closed=${1-}

# nofollow and nonblock, for it may be another file by now: a pipe gives nothing instead of waiting for somebody who writes.
content_of() { timeout -k 1 20 dd if="$1" iflag=nofollow,nonblock bs=65536 status=none 2>/dev/null; }

# Below a folder that may not be entered everything looks as if it were not there.
missing() { # PATH -> none or unseen
  above=${1%/*}
  until [ -e "${above:-/}" ]; do above=${above%/*}; done
  if [ -d "${above:-/}" ] && [ ! -x "${above:-/}" ]; then echo unseen; else echo none; fi
}

while IFS=$tab read -r index wanted show encoded; do
  decoded=$(printf '%b_' "$encoded")
  path=${decoded%_}
  file=$path
  if [ -n "$closed" ]; then
    if enter "${path%/*}"; then file=./${path##*/}; else file=; fi
  fi
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
      if [ -n "$closed" ] && [ "$digest" != "$wanted" ]; then digest=unread; fi
      if [ "$digest" != "$wanted" ] && [ "$show" = 1 ] && [ "$size" -le 65536 ]; then content=$(content_of "$file" | base64 -w0); fi
    elif [ -n "$closed" ] && [ -d "$file" ] && ! on_mount_of_state "$file" "$path"; then
      seen=${seen%directory}mount
    fi
    printf 'own\t%s\tstat\t%s\t%s\t%s\n' "$index" "$seen" "$digest" "${content:--}"
  else
    printf 'own\t%s\t%s\n' "$index" "$(missing "$path")"
  fi
done
