# Databases that are not in WAL mode, which Litestream needs: switched where the inventory says so (litestream: { wal: switch }).
# shellcheck shell=sh disable=SC2154,SC2016 # variables are shared with the program that sources it

# Before the start of a service, so nobody has the file open. Litestream would switch it too, under a service that runs, and wait
# for as long as that holds a lock. What was switched is noted (`switched`, a name a line), for the day the service is given back.
switch_to_wal() {
  [ "$wal" = switch ] || return 0
  each_db switch_one
}
switch_one() {
  # One that the service has still to make is made in rollback mode, and Litestream switches it unseen.
  if as_app sh -c '[ ! -s "$1" ]' sh "$path"; then note_in absent; return 0; fi
  in_rollback_mode || return 0
  said=$(as_app timeout -k 2 60 sqlite3 -batch -cmd '.timeout 10000' "$path" 'PRAGMA journal_mode=wal' 2>&1) || :
  [ "$said" = wal ] || refuse_as wal-switch "$db could not be switched to WAL mode: $(printf %s "$said" | head -n 1 | cut -c1-200)" \
    "see whether another program has it open, and whether $user may write to its folder"
  say 5 "$db is in WAL mode now, as the inventory says"
  note_in switched
}
note_in() { # FILE, of what is remembered
  ! grep -qsxF -- "$db" "$state/$1" || return 0
  printf '%s\n' "$db" >>"$state/$1"
  sync "$state/$1"
}

# The file format's write version, byte 18 of the header: 2 is WAL, 1 a rollback journal (sqlite.org/fileformat2, 1.3).
in_rollback_mode() { [ "$(as_app sh -c 'head -c 20 -- "$1" 2>/dev/null | od -An -v -tu1 -j18 -N1 | tr -d " "' sh "$path")" = 1 ]; }

# Before Litestream, which would switch it over and over, under a service that then finds its database locked and ends. Only for
# services: what a release makes is its own, and Litestream's to switch.
switched_back() {
  [ -n "$wal" ] || return 0
  [ ! -e "$run/running/$app" ] || each_db refuse_rollback
}
refuse_rollback() {
  in_rollback_mode || return 0
  # made by the service after the gate had looked: SQLite makes it so, and Litestream may switch it
  [ "$wal" != switch ] || grep -qsxF -- "$db" "$run/apart/$app" || grep -qsxF -- "$db" "$state/switched" || return 0
  code=not-wal text="$unit has $db in rollback mode, which it sets by itself: Litestream needs WAL mode, and nothing is replicated"
  next="set WAL mode in the configuration of the service (vnstat: DatabaseWriteAheadLogging 1), then systemctl restart $unit; one that has no such setting cannot be replicated"
  say 4 "$code: $text. Next: $next."
  printf '%s\n' "$text" >"$run/litestream/$app.refused"
  alert litestream "$code" "$text" "$next"
  exit 1
}

# While Litestream has a database open its mode cannot be changed: a service that sets another one at each start finds it locked, and
# ends, and so it would for ever. One that has ended within a minute beside Litestream is therefore started without it; that comes back
# once the service is up, and sees by then what mode it has set. Below /run: after a boot the service gets one more try beside it.
# The names of the databases that were there are kept: one that it makes later it has not set back.
note_early_end() { # anything when it was started less than a minute ago; by stopped.sh
  [ -n "$wal" ] && [ -n "$1" ] && systemctl is-active --quiet "$app-litestream.service" || return 0
  there=$(each_db name_if_there)
  [ -n "$there" ] || return 0
  run_folder apart
  printf '%s\n' "$there" >"$run/apart/$app"
}
name_if_there() { as_app sh -c '[ ! -s "$1" ]' sh "$path" || printf '%s\n' "$db"; }
start_apart() { # by the gate
  [ -e "$run/apart/$app" ] || return 0
  say 4 "$unit has ended right after its start: it is started without Litestream now, which comes back when it is up"
  kill_litestream
}
# Without the lock, which a service that ends again needs. Of one that stays down there is nothing to wait for.
await_service() {
  [ -e "$run/apart/$app" ] || return 0
  waited=0
  while [ "$waited" -lt 60 ]; do
    case $(systemctl show -P ActiveState "$unit") in
      activating | reloading) ;;
      active)
        entered=$(systemctl show -P ActiveEnterTimestampMonotonic "$unit")
        # both count from boot, systemd's in µs
        read -r up _ </proc/uptime
        [ "$((${up%.*} - entered / 1000000))" -lt 5 ] || return 0
        ;;
      *) return 0 ;;
    esac
    sleep 1
    waited=$((waited + 1))
  done
}
