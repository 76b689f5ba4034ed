# Mode and group of an app's databases: a restored one gets them, for others may read it, or write to it, by its group.
# shellcheck shell=sh disable=SC2154,SC2016 # variables are shared with the program that sources it

# MODE GID of a file as the app's user sees it; nothing when it is not there, or a link.
attributes_of() { # PATH
  as_app sh -c '[ -h "$1" ] || [ ! -f "$1" ] || stat -c "%a %g" -- "$1"' sh "$1" | grep -Ex '[0-7]{3,4} [0-9]+' || :
}

# Kept on the host, a line NAME MODE GID a database: by the time it is lost nobody can look.
note_attributes() {
  attributes=
  each_db note_one
  [ "$attributes" = "$(cat "$state/attributes" 2>/dev/null || :)" ] || remember attributes "$attributes"
}
note_one() {
  found=$(attributes_of "$path")
  [ -n "$found" ] || found=$(noted_attributes)
  [ -z "$found" ] || attributes="${attributes:+$attributes
}$db $found"
}
noted_attributes() { [ ! -r "$state/attributes" ] || sed -n "s/^$db //p" "$state/attributes"; }

# The restored file gets what the one in its place has, else what was noted. Set-id bits are nobody's due. As the user, with that
# group for its own: root would follow what the app makes of the path, and a group that is not the user's own is refused.
give_attributes() { # PATH-OF-THE-RESTORED
  found=$(attributes_of "$path")
  [ -n "$found" ] || found=$(noted_attributes)
  [ -n "$found" ] || return 0
  mode=${found% *} gid=${found#* }
  case $mode in ????) mode=${mode#?} ;; esac
  setpriv --reuid "$user" --regid "$gid" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- \
    sh -c 'chgrp -h -- "$2" "$1" && chmod -- "$3" "$1"' sh "$1" "$gid" "$mode" 9>&- 8<&- 6<&- 5>&- 4<&- ||
    say 4 "$1 could not be given the mode $mode and the group $gid"
}
