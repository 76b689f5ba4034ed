# Apps that were given another name; read by apply.sh.
# shellcheck shell=sh disable=SC2154

# FROM is the name that the manifest has, TO the new one; the same when a rename that was cut off is given up. SOURCE is the name
# whose claim the files belong to. HALF: a name that a rename which was cut off was on its way to; what is there may have it.

named() { # passwd|group|folder NAME
  case $1 in
    folder) [ -e "/var/lib/$2" ] || [ -h "/var/lib/$2" ] ;;
    *) getent "$1" "$2" >/dev/null ;;
  esac
}

# Before anything is stopped: of what gets the new name there is one.
check_rename() { # N FROM TO SOURCE [HALF…]
  app=$2
  to=$3
  shift 4
  for kind in passwd group folder; do
    bearer=
    for name in "$to" "$app" "$@"; do
      if [ "$name" = "$bearer" ] || ! named "$kind" "$name"; then continue; fi
      case ${bearer:+$kind} in
        '') bearer=$name ;;
        folder) fail 13 in-the-way "/var/lib/$name cannot become /var/lib/$to while /var/lib/$bearer is there, too: move away the one that does not hold the data of $app, then run this again" ;;
        *) fail 13 in-the-way "$kind $name cannot become $to while $bearer is there, too: remove the one that $app does not need, then run this again" ;;
      esac
    done
  done
}

# From here on the names of user, group and folder may be others than the manifest has: it says so before the first of them is.
record_meanwhile() {
  [ ! -e "$payload/members/meanwhile" ] || put_record "$payload/members/meanwhile" /var/lib/streamside/manifest
}

# After the app was let go of under its earlier name: stopped, proven, released. Each part is done only when it has not been, so
# that the next transaction goes on where this one was cut off, and be it on to another name. uid and gid stay, so no file changes
# its owner.
step_rename() { # N FROM TO SOURCE [HALF…]
  nth=$1 app=$2 to=$3 origin=$4
  shift 4
  step rename "$app $to"
  for name in "$app" "$@"; do
    [ "$name" != "$to" ] || continue
    for unit in "$name.service" "$name-check.timer" "$name-check.service" "$name-litestream.service" "$name-gate.service"; do
      gone "$unit" || systemctl stop "$unit" || fail 15 unit "systemctl stop $unit: $(last_lines 3)"
    done
  done
  # Now that its gate is stopped: was it still true that nothing had been claimed under this name?
  if [ "$origin" != "$app" ] && [ -e "/var/lib/streamside/apps/$app/claim" ]; then
    overtaken "$app has taken up its data since the plan was made"
  fi
  state=/var/lib/streamside/apps/$to
  mkdir -p "$state"
  # One of an earlier time under this name is not about these files.
  [ "$origin" = "$to" ] || rm -f -- "$state/claim" "$state/tip" "$state/reason" "$state/last-owner" "$state/last-data"
  for name in "$app" "$@"; do
    [ "$name" = "$to" ] || give_name "$name"
  done
  sync "$state" /var/lib
  record made "$nth"
}

give_name() { # NAME: what has it gets the name $to
  if named group "$1" && ! named group "$to"; then
    groupmod --new-name "$to" -- "$1" || fail 1 user "groupmod --new-name $to $1 failed: $(last_lines 1)"
  fi
  if named passwd "$1" && ! named passwd "$to"; then
    usermod --login "$to" --home "/var/lib/$to" -- "$1" || fail 1 user "usermod --login $to $1 failed: $(last_lines 1)"
  fi
  if named folder "$1"; then
    ! named folder "$to" || fail 13 in-the-way "/var/lib/$1 cannot become /var/lib/$to, which is there: move it away, then run this again"
    mv -T -- "/var/lib/$1" "/var/lib/$to"
    sync /var/lib
  fi
  # How the files were left, and how they were found at the last start: the gate of the new name judges them by that. The claim
  # stays: it is of a path of the earlier name, and tells that these files were the newest of it.
  for file in clean started; do
    [ ! -e "/var/lib/streamside/apps/$1/$file" ] || mv -- "/var/lib/streamside/apps/$1/$file" "$state/$file"
  done
}
