# The restart of an app by `update` and `restart`: proof while it runs, stop, proof, switch, start, health; and what ran before is put
# back when that is not well. Read by apply.sh.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the programs that source it

rolling='' rolled_back=''
# ms that a stop may be lengthened by for the sake of a comparison, where the inventory leaves the choice (restart: auto)
stop_limit=5000

is_gated() { [ -e "/etc/streamside/apps/$1/gate.json" ]; }
serves_now() { case $(state_of "$1") in active/* | reloading/*) ;; *) false ;; esac; }

prove_beside() { # APP running|ended|stopped CODE: of the problem, NICE
  if nice -n "$4" sh ./prove-beside.sh "$1" "$2" >"$payload/proved"; then return 0; fi
  why=$(sed -n "s/^refused$tab//p" "$payload/proved" | base64 -d)
  fail 17 "$3:$1" "${why:-$(last_lines 3)}"
}

tell_proved() { # APP
  while IFS="$tab" read -r word database txid bytes took; do
    [ "$word" != proved ] || record proved "$1" "$database" "$txid" "$bytes" "$took"
  done <"$payload/proved"
}

# While it runs: what is not sound is found out before anything has stopped.
step_pre_prove() { # N APP UNIT restore|prove|auto
  mode=$4
  if is_gated "$2" && serves_now "$3"; then
    step pre-prove "$2"
    prove_beside "$2" running not-sound 10
    tell_proved "$2"
    took=$(awk -F '\t' '$1 == "proved" { sum += $5 } END { printf "%d", sum }' "$payload/proved")
    biggest=$(awk -F '\t' '$1 == "proved" && $4 > most { most = $4 } END { printf "%.0f", most + 0 }' "$payload/proved")
    room=$(df -P -k /var/tmp | awk 'END { printf "%.0f", $4 * 1024 }')
    fits=yes
    # what is restored, a copy of what lies here, and its WAL
    [ "$room" -gt $((3 * biggest + 16777216)) ] || fits=no
    [ "$mode:$fits" != restore:no ] || ! is_persistent "$2" ||
      fail 17 "not-sound:$2" "to be compared with what the replica gives back (restart: restore) it needs $((3 * biggest / 1048576 + 16)) MiB in /var/tmp, and $((room / 1048576)) MiB are free there"
    # its gate empties it and restores it at each start: nothing is compared
    is_persistent "$2" || mode=prove
    # restored again, copied and compared: about twice what the restore took alone
    if [ "$mode" = auto ]; then
      if [ "$fits" = yes ] && [ $((2 * took + 500)) -le "$stop_limit" ]; then mode=restore; else mode=prove; fi
    fi
    step "$mode" "$2: restoring it beside took $((took / 1000)).$(printf %03d $((took % 1000)) | cut -c1) s"
  fi
  printf '%s\n' "$mode" >"$payload/mode.$2"
}

# What it runs from now, as it lies there: to be put back by a rename, which takes no room. A second name beside it, or a copy where a
# file system has no second names.
step_keep() { # N APP PATH USER
  mkdir -p "$payload/before"
  if [ -h "$3" ]; then printf 'link\t%s\n' "$(encode "$(readlink -n -- "$3")")" >"$payload/before/$1"
  elif [ -f "$3" ]; then
    beside "$1" "$3"
    printf '%s\t-\t%s\n' "$(encode "$temporary")" "$4" >>"$staged"
    as "$4" ln -- "$3" "$temporary" 2>/dev/null || as "$4" cp -p -- "$3" "$temporary" || fail 12 write "$3 could not be kept: $(last_lines 1)"
    as "$4" sync -- "${3%/*}"
    printf 'file\t\n' >"$payload/before/$1"
  else printf 'none\t\n' >"$payload/before/$1"; fi
}
drop_kept() { # N APP PATH USER
  beside "$1" "$3"
  as "$4" rm -f -- "$temporary"
}

release_of() { # APP -> the digest that its link names, or -
  at=$(readlink -n -- "/opt/$1/current" || :)
  printf %s "${at##*/}" | grep -Eo '^[0-9a-f]{64}$' || echo -
}

# Its unit takes the file away at the next start. Cut off before that, the app would be out of service without a word: then this does.
drain() { # APP FILE SECONDS
  step drain "$1 for $3 s"
  printf '%s\t%s\n' "$1" "$(encode "$2")" >"$transaction/drained"
  # shellcheck disable=SC2016 # $1 is that shell's
  as "$1" sh -c ': >"$1"' sh "$2" || fail 12 write "$2 could not be made: $(last_lines 1)"
  sleep "$3"
}
undrain() {
  [ -s "$transaction/drained" ] || return 0
  IFS="$tab" read -r user file <"$transaction/drained"
  decode "$file"
  as "$user" rm -f -- "$decoded" || :
  rm -f -- "$transaction/drained"
}

# With its configuration of before: the proof at the stop is of what ran.
step_roll() { # N APP UNIT restore|prove|auto SECONDS [FILE SECONDS: out of service first]
  serves_now "$3" || return 0
  release_of "$2" >"$payload/from.$2"
  [ ! -s "/run/streamside/healthy/$3" ] || cp -- "/run/streamside/healthy/$3" "$payload/healthy-before.$2"
  date +%s%N >"$payload/stopped.$2"
  [ -z "${6-}" ] || drain "$2" "$6" "$7"
  step stop "$3"
  note_halted "$3"
  rolling="$rolling $2"
  systemctl stop "$3" || fail 15 unit "systemctl stop $3: $(last_lines 3)"
  undrain
  is_gated "$2" || return 0
  # One that does not end with 0 when it is told to stop (Java: 143) leaves no mark of an orderly stop: then the proof is made here.
  grep -qs '"proved":true' "/var/lib/streamside/apps/$2/clean" || prove_beside "$2" ended not-proven-stopped 0
  [ "$(cat "$payload/mode.$2")" = restore ] || return 0
  step compare "$2"
  prove_beside "$2" stopped not-the-same 0
}

# In memory it is restored at each start anyway, by the gate.
is_persistent() { jq -e '.storage != "ephemeral"' "/etc/streamside/apps/$1/gate.json" >/dev/null; }

# Somebody's drop-in that was over it: what ran before ran with that (mend.sh).
put_over_again() { # N PATH
  aside=/var/lib/streamside/set-aside/$id$2
  [ -e "$aside" ] || [ -h "$aside" ] || return 0
  mkdir -p -- "${2%/*}"
  mv -T -- "$aside" "$2"
}

# The limit is the new release's: the one of before gets a minute at least.
old_limit() { if [ "$1" -lt 60 ]; then echo 60; else echo "$1"; fi; }

# On the data as they are: what the new release has written was acknowledged.
put_release_back() { # APP UNIT SECONDS
  step put-back "$1"
  systemctl stop "$2" || fail 15 unit "systemctl stop $2: $(last_lines 3)"
  back=$1
  putting_back=$1
  # from here on as before: cut off in the middle, it is gone on with
  arm_recovery
  each keep put_one_back
  each set-aside put_over_again
  [ ! -s "$payload/manifest-before" ] || put_record "$payload/manifest-before" /var/lib/streamside/manifest
  disarm_recovery
  putting_back=
  systemctl daemon-reload
  # Started anew with what is new: its gate starts it again, from what is back.
  ! grep -q "^restart$tab$1-litestream.service$" "$payload/steps" || systemctl stop "$1-litestream.service" || :
  # it was under way since the beginning of the other's time
  health_began=''
  rm -f "$payload/before.$2"
  systemctl reset-failed "$2" 2>/dev/null || :
  systemctl start --no-block "$2"
  if [ -s "$payload/healthy-before.$1" ]; then step_health 0 "$1" "$2" "$(old_limit "$3")" as-before "$payload/healthy-before.$1"
  else step_health 0 "$1" "$2" "$(old_limit "$3")" none; fi
}

short() { printf %.12s "$1"; }

# What came of it: told, written down, and put back where it is not well.
step_rolled() { # N APP UNIT MODE SECONDS
  case " $rolling " in *" $2 "*) ;; *) return 0 ;; esac
  from=$(cat "$payload/from.$2") to=$(release_of "$2") outcome=rolled
  if [ ! -e "$payload/healthy-at.$2" ]; then
    outcome=failed
    # what holds it back are its data: no release changes that
    if [ ! -s "/var/lib/streamside/apps/$2/reason" ] && put_back_changes_something "$2"; then
      put_release_back "$2" "$3" "$5"
      rolled_back="$rolled_back $2"
      what="release $(short "$to")" before="what ran before (release $(short "$from"))"
      # only its configuration has changed; a service has no release
      [ "$from" != "$to" ] || what='what the inventory has now' before='what ran before'
      if [ -e "$payload/healthy-at.$2" ]; then
        outcome=put-back
        record problem "release-put-back:$2" "$(printf '%s did not get healthy; %s is back, on the data as they are, and healthy' "$what" "$before" | base64 -w0)"
      else
        record problem "release-put-back-down:$2" "$(printf '%s did not get healthy, and neither did %s, which is back in place' "$what" "$before" | base64 -w0)"
      fi
    fi
  fi
  down=-
  [ ! -e "$payload/healthy-at.$2" ] || down=$((($(cat "$payload/healthy-at.$2") - $(cat "$payload/stopped.$2")) / 1000000))
  record rolled "$2" "$outcome" "$from" "$to" "$down" "$(cat "$payload/mode.$2")"
  note_history "$2"
}

# A mere restart has nothing to go back to.
put_back_changes_something() { # APP
  something=''
  back=$1
  each keep note_kept
  [ -n "$something" ]
}
note_kept() { [ "$2" != "$back" ] || something=yes; }

# The last 50, for `streamside history`.
note_history() { # APP
  (umask 022 && mkdir -p /var/lib/streamside/history)
  file=/var/lib/streamside/history/$1
  {
    [ ! -e "$file" ] || tail -n 49 -- "$file"
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(date +%s)" "$(base64 -w0 <"$transaction/who")" "$outcome" "$from" "$to" "$down" "$(cat "$payload/mode.$1")"
  } >"$payload/history"
  put_record "$payload/history" "$file"
}
