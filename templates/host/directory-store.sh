#!/bin/sh
# What an operator asks of a replica in a directory: objects.sh as the app's user, with the directory's first use before a first
# launch.
#
# Usage: sh ./directory-store.sh APP USER ID ROOT VERB ARG…     as root, in a folder that holds objects.sh and, for a PUT, body
#   USER: of a service that has no gate here yet; -: the app's own. ID: the number of the app's user where there is none yet
# Answer: that of objects.sh
# Exit: 0 with an answer; 1 with words on stderr
set -eu
export LC_ALL=C
app=$1 told=$2 id=$3 root=$4 verb=$5
shift 5

# An adopted service has a user of another name.
user=$(sed -n 's/^ "user": "\(.*\)",*$/\1/p' "/etc/streamside/apps/$app/gate.json" 2>/dev/null) || :
[ -n "$user" ] || [ "$told" = - ] || user=$told
user=${user:-$app}
if getent passwd "$user" >/dev/null; then id=$(id -u -- "$user") group=$(id -g -- "$user"); else
  group=$id
  # A new card has no such user yet. The folder that is the app's in the replica says which number it had: whoever has another may not
  # look into what lies there.
  case $verb in
    get | list | written | folders)
      folder=$root/${1%/*}
      while [ ! -e "$folder" ] && [ "$folder" != "$root" ]; do folder=${folder%/*}; done
      owner=$(stat -c '%u %g' -- "$folder" 2>/dev/null) || owner='0 0'
      case $owner in 0\ * | *\ 0) ;; *) id=${owner% *} group=${owner#* } ;; esac
      ;;
  esac
fi
program=$(cat ./objects.sh)
[ -e body ] || : >body

as_app() { # COMMAND…
  (cd / && exec setpriv --reuid "$id" --regid "$group" --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs -- "$@")
}
objects() { as_app timeout -k 2 20 sh -c "$program" sh --first "$@"; }

# The app's user first, for a server may take root for nobody; root, where the disk is root's.
first_use() { # FOLDER of the app
  as_app timeout -k 2 20 sh -c "$program" sh --first "$root" mark >answer 2>error || exit 1
  case $(cat answer) in 200*) ;; *) sh ./objects.sh --first "$root" mark >answer 2>>error || exit 1 ;; esac
  case $(cat answer) in 200*) ;; *) refuse ;; esac
  made=
  for name in $(printf %s "$1" | tr / ' '); do
    made=$made/$name
    ! as_app test -d "$root$made" || continue
    # others make theirs in it, too: all but the last is everybody's, and its content that of who made it
    mode=1777
    [ "$made" != "/$1" ] || mode=0755
    ! as_app mkdir -m "$mode" -- "$root$made" 2>error || continue
    # two apps may come to it at once, and the other one has made it since
    if ! mkdir -m "$mode" -- "$root$made" 2>>error; then
      as_app test -d "$root$made" || refuse
      continue
    fi
    [ "$mode" != 0755 ] || chown -h -- "$id:$group" "$root$made" 2>>error || refuse
  done
}
refuse() {
  echo "neither user $id nor root can make what it needs in $root: $(head -n 1 error)" >&2
  echo '403 AccessDenied -'
  exit 0
}

if [ "$verb" = put ] && [ "${2-}" = absent ]; then
  objects "$root" there >answer 2>error || { cat error >&2; exit 1; }
  case $(cat answer) in 200*) first_use "${1%/*}" ;; esac
fi
objects "$root" "$verb" "$@" <body
