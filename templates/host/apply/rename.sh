# Apps that were given another name; read by apply.sh.
# shellcheck shell=sh disable=SC2154

# After the app was let go of under its earlier name: stopped, proven, released. Each part is done only when it has not been, so
# that the next transaction goes on where this one was cut off. uid and gid stay, so no file changes its owner.
step_rename() { # N FROM TO
  step rename "$2 $3"
  for unit in "$2.service" "$2-check.timer" "$2-check.service" "$2-litestream.service" "$2-gate.service"; do
    gone "$unit" || systemctl stop "$unit" || fail 15 unit "systemctl stop $unit: $(last_lines 3)"
  done
  if getent group "$2" >/dev/null && ! getent group "$3" >/dev/null; then
    groupmod --new-name "$3" -- "$2" || fail 1 user "groupmod --new-name $3 $2 failed"
  fi
  if getent passwd "$2" >/dev/null && ! getent passwd "$3" >/dev/null; then
    usermod --login "$3" --home "/var/lib/$3" -- "$2" || fail 1 user "usermod --login $3 $2 failed: $(last_lines 1)"
  fi
  if [ -d "/var/lib/$2" ]; then
    if [ -e "/var/lib/$3" ] || [ -h "/var/lib/$3" ]; then
      fail 13 in-the-way "/var/lib/$2 cannot become /var/lib/$3, which is there: move it away, then run this again"
    fi
    mv -T -- "/var/lib/$2" "/var/lib/$3"
    sync /var/lib
  fi
  # How the files were left, and how they were found at the last start: the gate of the new name judges them by that. The claim
  # stays: it is of a path of the earlier name, and tells that these files were the newest of it.
  mkdir -p "/var/lib/streamside/apps/$3"
  for file in clean started; do
    [ ! -e "/var/lib/streamside/apps/$2/$file" ] || mv -- "/var/lib/streamside/apps/$2/$file" "/var/lib/streamside/apps/$3/$file"
  done
  sync "/var/lib/streamside/apps/$3"
  record made "$1"
}
