# What lies below apps' own folders; read by probe.sh and apply.sh, which have enter.sh and look.sh beside them.
# shellcheck shell=sh disable=SC2154 # variables are shared with the programs that source it

# Looks as the app's user. What is closed to that user is somebody else's: a folder that it may not enter, a file that it may not
# read, a folder that another owns. There root looks, for only then does a plan know what has changed but the owner.
look_own() { # USER ANSWER <LIST    both as look.sh has them; one who is not there yet sees what anybody sees
  cat >"$2.list"
  : >"$2.closed"
  who=$1
  getent passwd "$who" >/dev/null || who=nobody
  gid=$(id -g "$who")
  program=$(cat look.sh)
  (
    cd /
    exec timeout -k 2 40 setpriv --reuid "$who" --regid "$gid" --clear-groups --bounding-set=-all --no-new-privs -- sh -c "$program" sh
  ) <"$2.list" >"$2.said" 2>/dev/null || :
  # What is said is not trusted: only what was asked for is looked at, and once. A second line is told of as one.
  awk -F "$tab" -v OFS="$tab" -v user="$1" -v closed="$2.closed" '
    NR == FNR { sha[$1] = $2; path[$1] = $4; next }
    $2 in path && ($3 == "unseen" || $9 == "unread" || ($8 == "directory" && $5 != user)) {
      print $2, sha[$2], 0, path[$2] >closed
      delete path[$2]
      next
    }
    { print }' "$2.list" "$2.said" >"$2"
  [ ! -s "$2.closed" ] || timeout -k 2 40 sh -c "$(cat enter.sh look.sh)" sh closed <"$2.closed" >>"$2" 2>/dev/null || :
}
