#!/bin/sh
# The small objects of a replica in a directory: what a GET, a conditional PUT and a listing are for a bucket.
#
# Usage: objects.sh [--first] ROOT VERB ARG…
#   --first: something is mounted at ROOT, and a replica may begin there. For operators alone.
#        objects.sh ROOT there                 is the replica mounted at ROOT?
#        objects.sh ROOT get KEY               the newest version of an object
#        objects.sh ROOT stat KEY              when its newest version was written: epoch seconds in the place of ETAG
#        objects.sh ROOT put KEY absent        <BODY: it must not exist
#        objects.sh ROOT put KEY match ETAG    <BODY: ETAG must be its newest version
#        objects.sh ROOT replace KEY           <BODY: whatever is there; for what has one writer (tip.json)
#        objects.sh ROOT list PREFIX LIMIT     keys that begin with PREFIX, a folder, one a line
#        objects.sh ROOT written PREFIX LIMIT  the same, each after the time it was written (epoch seconds) and a space
#        objects.sh ROOT folders PREFIX LIMIT  the folders in PREFIX, one a line
#        objects.sh ROOT folder KEY            the folder KEY, made in one that is there already (mode 0750)
#        objects.sh ROOT mark                  makes the sentinel, for a directory that is used for the first time
# As the app's user: an NFS server takes root for nobody. KEY is relative to ROOT: PREFIX/INSTANCE/owner.json.
# Answer: one line, HTTP-STATUS CODE ETAG (CODE as an S3 server's, - for none); after it the body, or the list. Words on stderr.
#   0 NotMounted: the sentinel is not there. 200, 404 NoSuchKey, 412 (the condition did not hold), 403 (nothing was written, and
#   trying again does not help), 500 (it may be written).
# Exit: 0 with an answer; 2 usage.
#
# An object is a row of files: owner.json is owner.1.json, owner.2.json, …, none of which is ever changed or removed, and the
# highest is the truth. link(2) makes each: of all who want to be the next one exactly one is (rename(2) would let all of them).
# The number is the etag.
set -u
export LC_ALL=C
first=no
[ "$1" != --first ] || { first=yes; shift; }
root=$1 verb=$2
shift 2
sentinel=$root/.streamside-replica

answer() { # HTTP CODE ETAG
  printf '%s %s %s\n' "$1" "$2" "$3"
}
words() { printf '%s\n' "$1" | head -n 1 >&2; }

# What cannot be done now, and cannot be done at all: by the words of the C library.
refused() { # WORDS
  words "$1"
  case $1 in
    *'Permission denied'* | *'Operation not permitted'*) answer 403 AccessDenied - ;;
    *'Read-only file system'*) answer 403 ReadOnly - ;;
    *'No space left'* | *'quota exceeded'*) answer 403 NoSpace - ;;
    *) answer 500 InternalError - ;;
  esac
  exit 0
}

# Without the sentinel this is the bare directory that something should be mounted on, or something else than the replica.
there() {
  said=$(stat -c %F -- "$sentinel" 2>&1) && return 0
  case $said in
    *'No such file'* | *'Not a directory'*) ;;
    *) if is_mounted; then refused "$said"; fi ;;
  esac
  if [ "$first" = yes ] && is_mounted; then return 0; fi
  if is_mounted; then words "$root has no .streamside-replica: what is mounted there is not this replica"
  else words "nothing is mounted at $root"; fi
  answer 0 NotMounted -
  exit 0
}

# One that denies a look is mounted, and one that is not there is none.
is_mounted() {
  device=$(stat -c %d -- "$root" 2>/dev/null) || { findmnt -n -- "$root" >/dev/null; return; }
  [ "$device" != "$(stat -c %d -- "${root%/*}/" 2>/dev/null)" ]
}

# -> $folder, $stem, $suffix: a version is $folder/$stem.N$suffix
parts() { # KEY
  case "/$1/" in */../* | *//*) echo "objects.sh: $1 is no key" >&2; exit 2 ;; esac
  folder=$root/$1
  folder=${folder%/*} stem=${1##*/} suffix=
  case $stem in *.json) stem=${stem%.json} suffix=.json ;; esac
}

# -> $n, 0 for none. An NFS client may show a folder as it was a minute ago; a name that is asked for is asked of the server.
newest() {
  n=0
  said=$(stat -c %F -- "$folder" 2>&1) || case $said in *'No such file'*) return 0 ;; *) refused "$said" ;; esac
  names=$(ls -1 -- "$folder" 2>&1) || refused "$names"
  n=$(printf '%s\n' "$names" | awk -v stem="$stem." -v suffix="$suffix" '
    substr($0, 1, length(stem)) == stem && substr($0, length($0) - length(suffix) + 1) == suffix {
      number = substr($0, length(stem) + 1, length($0) - length(stem) - length(suffix))
      if (number ~ /^[1-9][0-9]{0,8}$/ && number + 0 > max) max = number + 0
    }
    END { print max + 0 }')
  while [ -e "$folder/$stem.$((n + 1))$suffix" ]; do n=$((n + 1)); done
}

get() {
  if [ "$stem$suffix" = tip.json ]; then file=$folder/tip.json n=-; else
    newest
    file=$folder/$stem.$n$suffix
    [ "$n" -gt 0 ] || { there; answer 404 NoSuchKey -; return; }
  fi
  body=$(head -c 1048576 -- "$file" 2>&1 && printf _) || case $body in
    # the folder was there a moment ago: is the replica?
    *'No such file'*) there; answer 404 NoSuchKey -; return ;;
    *) refused "$body" ;;
  esac
  answer 200 - "$n"
  printf '%s' "${body%_}"
}

stat_newest() {
  if [ "$stem$suffix" = tip.json ]; then file=$folder/tip.json; else
    newest
    file=$folder/$stem.$n$suffix
  fi
  said=$(stat -c %Y -- "$file" 2>&1) || case $said in *'No such file'*) there; answer 404 NoSuchKey -; return ;; *) refused "$said" ;; esac
  answer 200 - "$said"
}

# Beside its target, whole and on disk. -> $fresh
written() {
  said=$(mkdir -p -- "$folder" 2>&1) || refused "$said"
  # what a power cut left behind
  find "$folder" -maxdepth 1 -name '.new.*' -mmin +60 -delete 2>/dev/null
  fresh=$(mktemp -- "$folder/.new.XXXXXXXX" 2>&1) || refused "$fresh"
  said=$({ cat >"$fresh" && chmod 0644 -- "$fresh" && sync -- "$fresh"; } 2>&1) || { rm -f -- "$fresh"; refused "$said"; }
}

put() { # absent|match ETAG
  newest
  case $1 in absent) is=0 ;; *) is=$2 ;; esac
  [ "$n" = "$is" ] || { answer 412 PreconditionFailed -; return; }
  written
  # unmounted since: what was written lies in the bare directory, and goes again
  (there) | grep -q NotMounted && { rm -f -- "$fresh"; there; }
  target=$folder/$stem.$((n + 1))$suffix
  if said=$(ln -T -- "$fresh" "$target" 2>&1); then
    rm -f -- "$fresh"
    said=$(sync -- "$folder" 2>&1) || { words "$said"; answer 500 InternalError -; return; }
    answer 200 - "$((n + 1))"
    return
  fi
  rm -f -- "$fresh"
  case $said in
    *'File exists'*) answer 412 PreconditionFailed - ;;
    *'Operation not permitted'* | *'not supported'* | *'not implemented'*)
      words "$root is on a file system without hard links ($(stat -f -c %T -- "$root" 2>/dev/null))"
      answer 501 NotImplemented -
      ;;
    *) refused "$said" ;;
  esac
}

replace() {
  written
  said=$({ mv -T -- "$fresh" "$folder/$stem$suffix" && sync -- "$folder"; } 2>&1) || { rm -f -- "$fresh"; refused "$said"; }
  answer 200 - -
}

# Without -p: where the folder above is not, this is not the replica, whatever was found before.
make_folder() { # KEY
  said=$(mkdir -m 0750 -- "$root/$1" 2>&1) || case $said in
    *'File exists'*) ;;
    *'No such file'*) words "$said"; answer 404 NoSuchKey -; return ;;
    *) refused "$said" ;;
  esac
  answer 200 - -
}

list() { # PREFIX LIMIT TYPE
  folder=$root/${1%/}
  said=$(stat -c %F -- "$folder" 2>&1) || case $said in *'No such file'*) there; answer 200 - -; return ;; *) refused "$said" ;; esac
  # Nothing there, and not to be seen, are two things.
  if [ "$3" != f ] && { [ ! -r "$folder" ] || [ ! -x "$folder" ]; }; then refused "$folder: Permission denied"; fi
  answer 200 - -
  # what it may not look into is somebody else's, and there all the same; what is being written is no object yet
  if [ "$3" = t ]; then find "$folder" -type f ! -name '.new.*' -printf "%T@ ${1%/}/%P\n" 2>/dev/null
  elif [ "$3" = f ]; then find "$folder" -type f ! -name '.new.*' -printf "${1%/}/%P\n" -o -type d ! -readable -printf "${1%/}/%P/\n" -prune 2>/dev/null
  else find "$folder" -mindepth 1 -maxdepth 1 -type d ! -name 'lost+found' ! -name '.*' -printf "${1%/}/%P/\n" 2>/dev/null; fi |
    sed 's,^/,,' | head -n "$2"
}

case $verb in
  mark)
    said=$({ set -C; printf '{"v":1,"made":"%s"}\n' "$(date -u +%FT%TZ)" >"$sentinel"; } 2>&1) || case $said in *exist*) ;; *) refused "$said" ;; esac
    chmod 0644 -- "$sentinel" 2>/dev/null
    said=$(sync -- "$sentinel" "$root" 2>&1) || refused "$said"
    answer 200 - -
    exit 0
    ;;
esac
there
case $verb in
  there) answer 200 - - ;;
  get) parts "$1"; get ;;
  stat) parts "$1"; stat_newest ;;
  put) parts "$1"; put "$2" "${3-}" ;;
  replace) parts "$1"; replace ;;
  folder) parts "$1"; make_folder "$1" ;;
  list) list "$1" "$2" f ;;
  written) list "$1" "$2" t ;;
  folders) list "$1" "$2" d ;;
  *) echo "objects.sh: there is no $verb" >&2; exit 2 ;;
esac
