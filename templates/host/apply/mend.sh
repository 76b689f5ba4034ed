# What others have done to what is ours, taken back; read by apply.sh.
# shellcheck shell=sh disable=SC2154

# Somebody's drop-in over a unit of ours: kept, for only its author knows what it was for.
step_set_aside() { # N PATH
  kept=/var/lib/streamside/set-aside/$id${2%/*}
  step set-aside "$2"
  mkdir -p -- "$kept"
  mv -T -- "$2" "$kept/${2##*/}"
  sync -- "${2%/*}" "$kept"
  rmdir -- "${2%/*}" 2>/dev/null || :
  # shellcheck disable=SC2034 # read by reload in units.sh
  unit_files_changed=yes
  record made "$1"
}

# The app controls what lies above its database. find opens each folder on the way without following links and runs chown in
# the last one, so that no link of the app's making leads root anywhere else; -h for the file itself.
step_own() { # N APP PATH
  step own "$3"
  folder=${3%/*} name=${3##*/}
  top=$folder
  [ "${folder#"/var/lib/$2/"}" = "$folder" ] || top=/var/lib/$2
  for file in "$name" "$name-wal" "$name-shm" "$name-journal" ".$name-litestream"; do
    find -P "$top" -xdev -path "$(literal "$folder/$file")" -execdir chown -h -R -P -- "$2:$2" '{}' +
  done
  record made "$1"
}

literal() { printf '%s_' "$1" | sed 's/[][*?\\]/\\&/g' | sed '$s/_$//'; } # TEXT as a pattern of find that matches it alone
