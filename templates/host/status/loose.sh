#!/bin/sh
# The bytes of an app's state directory, or of the folder of a service's databases, by who else has them.
#
# Usage: loose.sh APP <LIST       as root; lines KIND TAB PATH, relative to /var/lib/APP, encoded as probe.sh's
#   db        a database: it, what SQLite and Litestream keep beside it, and a restore under way are the replica's business
#   file      a file that streamside lays: the inventory has it
#   folder    of an app that is somebody else's unit: the folder to look through instead of /var/lib/APP; first line
#   elsewhere the app is somebody else's unit, and its folder nobody's to look through: the only line then
#   accepted  named by `unprotected:`; an empty path is the whole directory
# Answer: lines of TAB-separated fields, paths encoded the same way
#   total BYTES FILES              in no replica, and not accepted
#   path BYTES FILES PATH          those by the highest folder that holds nothing else, largest first, 20 at most
#   accepted BYTES FILES PATH      each that there is something of
#   aside BYTES FILES              old database files that a restore has put aside
#   denied PATH                    a folder that the app's user may not look into, and that is not accepted
#   cut                            not all of it could be read in time
# The last line is `whole`. Nothing else for an app without a state directory.
# Exit: 0
set -eu
export LC_ALL=C
app=$1
state=/var/lib/$app user=$app
list=$(cat)
case $list in
  elsewhere*) echo whole; exit 0 ;;
  folder*)
    encoded=$(printf '%s\n' "$list" | sed -n '1s/^folder\t//p')
    decoded=$(printf '%b_' "$encoded")
    state=${decoded%_}
    list=$(printf '%s\n' "$list" | sed 1d)
    # whom its databases belong to here
    user=$(jq -r .user "/etc/streamside/apps/$app/gate.json")
    ;;
esac
[ -d "$state" ] || { echo whole; exit 0; }
# a folder of root's, as the one that this is started in, is no place for the app's user to look from
cd /
# The app's user looks: it sees what the app can have written, and follows no link with root's powers.
look() {
  setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- \
    timeout -k 2 25 "$@"
}
# One line a file: size and name, with what would end a line or a field written out.
{
  [ -z "$list" ] || printf '%s\n' "$list" | sed 's/^/-\t/'
  # A file that goes while this looks (Litestream removes its own all the time) is no fault of the look.
  {
    look find "$state/" -ignore_readdir_race -type d \( ! -readable -o ! -executable \) -prune -printf 'denied\t%P\0' \
      -o -type f -printf '%s\t%P\0' 2>/dev/null || printf '\0cut\0'
  } |
    sed -z -e 's/\\/\\\\/g' -e 's/\n/\\n/g' | tr '\0' '\n'
} | awk -F '\t' '
function inside(path, folder) { return folder == "" || path == folder || substr(path, 1, length(folder) + 1) == folder "/" }
function above(path, count, parts, i, folder) { # marks every folder that holds something of this
  count = split(path, parts, "/")
  folder = ""
  for (i = 1; i < count; i++) { folder = folder (i > 1 ? "/" : "") parts[i]; mixed[folder] = 1 }
}
function begins(path, start) { return substr(path, 1, length(start)) == start }
function of_database(path, i, base, folder) {
  for (i = 1; i <= dbs; i++) {
    if (path == db[i] || path == db[i] "-wal" || path == db[i] "-shm" || path == db[i] "-journal") return 1
    if (begins(path, db[i] ".restoring")) return 1
    if (begins(path, own[i])) return 1
  }
  return 0
}
function kept_aside(path, i) {
  for (i = 1; i <= dbs; i++) if (begins(path, dir[i] ".streamside-aside/") || begins(path, dir[i] ".streamside-discarded/")) return 1
  return 0
}
function add(kind, key, bytes) { sum[kind, key] += bytes; number[kind, key]++; seen[kind, key] = 1 }
$1 == "-" && $2 == "db" {
  above($3)
  base = $3; sub(/.*\//, "", base)
  dbs++; db[dbs] = $3; dir[dbs] = substr($3, 1, length($3) - length(base)); own[dbs] = dir[dbs] "." base "-litestream/"
  next
}
$1 == "-" && $2 == "file" { above($3); laid[$3] = 1; next }
$1 == "-" && $2 == "accepted" { if ($3 != "") above($3); accepted[++allowed] = $3; next }
$1 == "cut" { print "cut"; next }
$1 == "denied" {
  for (i = 1; i <= allowed; i++) if (inside($2, accepted[i])) next
  print "denied\t" $2
  next
}
$1 ~ /^[0-9]+$/ {
  # a TAB in a name is a field of its own here
  path = $2
  for (i = 3; i <= NF; i++) path = path "\\t" $i
  if (of_database(path) || (path in laid)) next
  if (kept_aside(path)) { add("aside", "", $1); next }
  for (i = 1; i <= allowed; i++) if (inside(path, accepted[i])) { add("accepted", accepted[i], $1); next }
  count = split(path, parts, "/")
  group = parts[1]
  for (i = 2; i <= count && (group in mixed); i++) group = group "/" parts[i]
  add("path", group, $1); bytes += $1; files++
}
END {
  printf "total\t%.0f\t%.0f\n", bytes, files
  for (key in seen) {
    split(key, kind, SUBSEP)
    rest = substr(key, length(kind[1]) + 2)
    printf "%s\t%.0f\t%.0f\t%s\n", kind[1], sum[key], number[key], rest
  }
}' | sort -t "$(printf '\t')" -k1,1 -k2,2nr | awk -F '\t' '$1 != "path" || ++paths <= 20'
echo whole
