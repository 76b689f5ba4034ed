# Step 4 of the gate: all databases are restored beside the old files, checked, and only then put in their place.
# shellcheck shell=sh disable=SC2154,SC2034,SC2016 # variables are shared with the program that sources it

# The databases that the decision names, one function call each. $wanted is "latest", a transaction id, or, once all is restored,
# "stay" for what nothing restores.
each_named() { # FUNCTION ARG…
  each_db if_named "$@"
}
if_named() {
  wanted=$answer
  [ "$wanted" = - ] || "$@"
}

# Carries out the decision `source`. Ends with the decision `install` carried out, or a refusal, in $act.
restore_all() {
  # the next verdict has one of its own
  order=$verdict discard=false chain=$source
  ! is discard || discard=true
  kill_litestream
  config_for "$source"
  plans='' free=''
  : >"$work/plan-files"
  each_named plan_source
  digest=$(sha256sum <"$work/plan-files" | cut -c1-64)
  get_tip "$source"
  object_times "$source/tip.json"
  marked=$times
  object_times owner.json
  ask "{\"ask\":\"source\",$static,\"now\":$(date +%s),\"order\":$order,\"ours\":$ours,\"claim\":$(remembered claim),\"marked\":$marked,\"claimed\":$times,\"tip\":$(remembered tip),\"sourceTip\":$source_tip,\"plans\":{${plans#,}},\"free\":{${free#,}},\"failed\":$(remembered failed),\"digest\":\"$digest\"}"
  [ "$act" = restore ] || return 0
  need=$verdict
  restore_together
  ask "{\"ask\":\"restored\",$static,\"now\":$(date +%s),\"order\":$order,\"need\":$need,\"me\":\"$me\",\"restored\":{${restored#,}}}"
  if [ "$act" = install ]; then
    install_restored
  else
    each_db as_app_remove
    ! is lasting || remember failed "$(printf '{"digest":"%s","since":%s,"code":"%s","text":%s,"next":%s}' \
      "$digest" "$(date +%s)" "$code" "$(json "$text")" "$(json "$next")")"
  fi
}

# The plan, what its objects look like (they are not downloaded again while they look the same), and the room beside the file.
plan_source() {
  plans_entry
  files_of_plan >>"$work/plan-files"
  bytes=$(as_app df -P -k -- "${path%/*}" 2>/dev/null | awk 'END { if (NR > 1) printf "%.0f", $4 * 1024 }')
  [ -z "$bytes" ] || free="$free,$key:$bytes"
}

files_of_plan() { tr -d ' \n' <"$work/plan-$index" | sed 's/.*"files"://'; }

# As many at a time as there are cores, and memory: Litestream holds where each page of a database lies. -> $restored
restore_together() {
  memory=$(awk '$1 == "MemAvailable:" { printf "%d", $2 / (192 * 1024) }' /proc/meminfo)
  slots=$(nproc)
  [ "$slots" -le "${memory:-1}" ] || slots=${memory:-1}
  [ "$slots" -ge 1 ] || slots=1
  run_folder restoring
  each_named progress_entry >"$run/restoring/$app"
  running=
  each_named restore_beside
  # shellcheck disable=SC2086 # numbers
  [ -z "$running" ] || wait $running || :
  rm -f "$run/restoring/$app"
  restored=
  each_named restored_entry
}
# For whoever waits for it (apply/units.sh): where it is written, and how big it will be.
progress_entry() {
  whole_size
  printf '%s\t%s\t%s\n' "$db" "$(printf %s "$path" | base64 -w0)" "$whole"
}

# By the header of the chain's last file, which says how many pages the database has: at 8 the size of a page, at 12 their number
# (ownership.md, "Stale test"). -> $whole in bytes; - when nobody can say, or the data lie with another server than the owner object
whole_size() {
  whole=-
  [ -z "$data_where" ] || return 0
  last=$(files_of_plan | grep -o '{[^}]*}' | tail -n 1)
  level=$(printf %s "$last" | sed -n 's/.*"level":\([0-9]*\).*/\1/p')
  object=$chain/$db/$(printf %04x "${level:-0}")/$(printf %s "$last" | sed -n 's/.*"name":"\([0-9a-f-]*\.ltx\)".*/\1/p')
  case $owner_mode in
    directory) as_app timeout -k 2 10 head -c 100 -- "$owner_url/$object" >"$work/header" 2>/dev/null || return 0 ;;
    *)
      s3 GET "$owner_url/$object" -r 0-99
      case $curl:$http in 0:206) cp "$work/body" "$work/header" ;; *) return 0 ;; esac
      ;;
  esac
  # shellcheck disable=SC2046 # two numbers
  set -- $(numbers "$work/header" 0 8:4 12:4)
  [ $# -ne 2 ] || whole=$(awk -v size="$1" -v pages="$2" 'BEGIN { printf "%.0f", size * pages }')
}
restore_beside() {
  rm -f "$work/restored-$index"
  restore_one &
  running="$running $!"
  # shellcheck disable=SC2086 # numbers
  [ "$(set -- $running; echo $#)" -lt "$slots" ] || { wait $running || :; running=; }
}
restored_entry() {
  restored="$restored,$key:$(cat "$work/restored-$index" 2>/dev/null || printf '{"rc":1,"txid":"","error":"it ended without a word","best":""}')"
}

restore_one() {
  as_app_remove
  # somebody may have removed the folder with the files in it
  as_app mkdir -p -m 0750 -- "${path%/*}" || :
  restore_to "$path.restoring"
  [ "$rc" != 0 ] || give_attributes "$path.restoring"
  printf '{"rc":%s,"txid":"%s","error":%s,"best":"%s"}' "$rc" "$got" "$(json "$error")" "$best" >"$work/restored-$index"
}

# Restores the database to a file that is not there yet, and checks all of it. -> $rc, $got (the transaction), $error, and where an
# object is damaged $best (best_point)
restore_to() { # FILE
  target=$1 txid='' rc=0 best=''
  [ "$wanted" = latest ] || txid=$wanted
  with_keys "$target" restore -no-expand-env -config "$config" -json -integrity-check full ${txid:+-txid "$txid"} -o "$target" "$path" \
    >"$work/restore-$index" 2>"$work/restore-error-$index" || rc=$?
  got=$(sed -n 's/.*"txid": *"\([0-9a-f]\{16\}\)".*/\1/p' "$work/restore-$index" | head -n 1)
  [ "$rc" != 0 ] || as_app sh -c '[ -s "$1" ] && sync "$1"' sh "$target" || rc=1
  error=$(failure "$rc" "$work/restore-error-$index")
  case $rc:$error in 0:*) ;; *decod* | *checksum* | *'invalid ltx'*) best_point ;; esac
}

# An object of the chain is damaged, and Litestream does not say which: the last point before it, by halving. The ends of the
# plan's files are the points there are. -> $best, empty when none was found
best_point() {
  files_of_plan | grep -o '"max_txid":"[0-9a-f]\{16\}"' | cut -d'"' -f4 >"$work/points-$index"
  low=0 high=$(($(wc -l <"$work/points-$index") - 1))
  while [ "$low" -lt "$high" ]; do
    middle=$(((low + high + 1) / 2))
    if restores_at "$(sed -n "${middle}p" "$work/points-$index")"; then low=$middle; else high=$((middle - 1)); fi
  done
  [ "$low" -eq 0 ] || best=$(sed -n "${low}p" "$work/points-$index")
}
restores_at() { # TXID
  remove_restored "$target"
  with_keys "$target" restore -no-expand-env -config "$config" -json -txid "$1" -o "$target" "$path" >/dev/null 2>&1
}

as_app_remove() { remove_restored "$path.restoring"; }
remove_restored() { # FILE
  as_app rm -rf -- "$1" "$1.tmp" "$1-wal" "$1-shm"
}

# From the first rename to the claim the files are a mixture: `restoring` says so, and the gate then starts over.
install_restored() {
  new_claim=$claim said=$text
  remember restoring "$order"
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  each_db make_room
  each_named put_in_place
  remember claim "$new_claim"
  forget tip started failed
  as_installed
  forget restoring
  rescue_aside
  act=install text=$said
}

# Until the app starts, nobody but Litestream has business with these files: `clean` tells one that is swapped meanwhile.
as_installed() { # [,"taken":CLAIM]
  look_left
  remember clean "{\"proved\":false,\"settled\":true,\"files\":$keep${1-}}"
}

# A new history from the files here: Litestream counts from 1 again, and so its own folder goes.
adopt() {
  new_claim=$claim
  kill_litestream
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  each_db flush
  # The folder tells which files these are. From when it is aside until the claim is written, this does (gate.jq, adopting).
  as_installed ",\"taken\":$new_claim"
  each_db own_folder_aside
  remember claim "$new_claim"
  # They speak of the files as they were under the old path, which people have just been told about.
  forget tip started
  as_installed
  rescue_aside
}
own_folder_aside() {
  as_app sh "$lib/aside.sh" ".streamside-aside/$stamp" "$path" ".${path##*/}-litestream"
}

# Together, WAL and Litestream's own folder too: a leftover of one history beside a file of another breaks both.
put_aside() {
  name=${path##*/}
  if [ "$discard" = true ]; then aside=.streamside-discarded; else aside=.streamside-aside/$stamp; fi
  as_app sh "$lib/aside.sh" "$aside" "$path" "$name" "$name-wal" "$name-shm" "$name-journal" ".$name-litestream"
  [ "$discard" = false ] || as_app rm -rf -- "${path%/*}/$aside"
}

# A database that is to stay keeps the only copy that there is; Litestream counts it from 1 under the new path.
make_room() {
  [ "$answer" = stay ] || { put_aside; return; }
  own_folder_aside
  flush
}

put_in_place() {
  [ "$wanted" != stay ] || return 0
  as_app sh -c 'mv -T -- "$1.restoring" "$1" && sync "$1" "${1%/*}"' sh "$path"
}
