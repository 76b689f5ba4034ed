# Ephemeral storage whose stop was not proven: the files go to persistent storage and come back at the next start.
# shellcheck shell=sh disable=SC2154,SC2034,SC2016 # variables are shared with the program that sources it

# `rescue` is a link to a folder: a power cut at any moment leaves the old copy or the new one, whole, and never none.

# One archive a database, of all that the stale test looks at. The app's user makes it, root only keeps it: what the app put
# into its folder is never followed by root.
rescue() {
  fresh=$(mktemp -d "$state/rescue.XXXXXXXX")
  # Held still: a checkpoint between the copy of the database and that of its WAL would leave two halves that do not meet.
  # The daemon alone: this may be its unit's own stop. Noted, for this may be killed in the middle (check.sh lets it go on then).
  run_folder still
  : >"$run/still/$app"
  systemctl kill --kill-whom=main --signal=STOP "$app-litestream.service" 2>/dev/null || :
  kept=true
  each_db rescue_one
  let_go_on
  if [ "$kept" = false ]; then
    rm -rf "$fresh"
    say 3 'what lies in ephemeral storage could not be kept'
    return 1
  fi
  sync "$fresh"
  rm -f "$state/.rescue.new"
  ln -s "${fresh##*/}" "$state/.rescue.new"
  mv -T "$state/.rescue.new" "$state/rescue"
  sync "$state"
  drop_rescues
}

let_go_on() {
  [ -e "$run/still/$app" ] || return 0
  systemctl kill --kill-whom=main --signal=CONT "$app-litestream.service" 2>/dev/null || :
  rm "$run/still/$app"
}

# The folders that no link leads to: older ones, and those that were cut off before they were whole.
drop_rescues() {
  for folder in "$state"/rescue.????????; do
    case $folder in "$(readlink -f "$state/rescue")" | "$(readlink -f "$state/rescue.used")") ;; *) rm -rf "$folder" ;; esac
  done
}

# By its name: the inventory may list the databases in another order by the time they come back. What cannot be looked at is not
# taken for a database that the app has not made.
rescue_one() {
  # An app that runs still, or is broken into, may have closed the folder: only what is not there by the kernel's word is none.
  seen=$(as_app stat -c there -- "$path" 2>&1) || :
  case $seen in
    there) ;;
    *': No such file or directory') return 0 ;;
    *) kept=false; return 0 ;;
  esac
  as_app sh -c '
    cd "${1%/*}" && name=${1##*/}
    set -- "./$name"
    for file in "./$name-wal" "./.$name-litestream"; do
      # what cannot be looked at is not left out: tar says that it failed
      said=$(stat -- "$file" 2>&1 >/dev/null) || case $said in *": No such file or directory") continue ;; esac
      set -- "$@" "$file"
    done
    tar -cSf - -- "$@"' sh "$path" >"$fresh/$db.tar" && sync "$fresh/$db.tar" || kept=false
}

# `clean` then speaks of these files, so that an interrupted return is seen and made again.
bring_back_rescued() {
  kill_litestream
  each_db bring_back_one
  each_db flush
  look_left
  remember clean "{\"proved\":false,\"settled\":true,\"files\":$keep}"
}
bring_back_one() {
  as_app sh -c 'folder=${1%/*} name=${1##*/}; rm -rf "$1" "$1-wal" "$1-shm" "$folder/.$name-litestream"' sh "$path"
  [ ! -e "$state/rescue/$db.tar" ] || as_app sh -c 'cd "${1%/*}" && tar -xf -' sh "$path" <"$state/rescue/$db.tar"
}

# From a start on the files in use are the newer ones; what was rescued is kept for people until a proof holds.
rescue_used() {
  [ -e "$state/rescue" ] || return 0
  mv -T "$state/rescue" "$state/rescue.used"
  sync "$state"
  drop_rescues
}

# The files are of another path now: what was rescued must not come back by itself, and nobody else has it. Nor has anybody what
# had come back and was gone before a proof (`rescue.used`).
rescue_aside() {
  for link in rescue rescue.used; do
    [ -e "$state/$link" ] || continue
    mv -T "$(readlink -f "$state/$link")" "$state/$link-$stamp"
    rm "$state/$link"
    sync "$state"
    alert gate rescue-kept "what ephemeral storage held at a stop that was not proven is not in what was restored now" \
      "look at $state/$link-$stamp (an archive a database), then remove it" "$link"
  done
}

rescue_over() {
  [ -h "$state/rescue" ] || [ -h "$state/rescue.used" ] || return 0
  rm -f "$state/rescue" "$state/rescue.used"
  sync "$state"
  drop_rescues
}
