# The proof that the replica holds everything (litestream.md, rule 8), and the transitions that it entitles to.
# shellcheck shell=sh disable=SC2154,SC2034,SC2016 # variables are shared with the program that sources it

# Collects the facts of a proof and asks for the verdict. $1: seconds for each sync; $2: may the app write meanwhile
proof() { # SECONDS RUNNING
  sync=
  each_db sync_entry "$1"
  config_for "$claimed_path"
  plans=
  each_db plans_entry
  get_owner 3
  ask "{\"ask\":\"proof\",$(facts),\"sync\":{${sync#,}},\"plans\":{${plans#,}},\"running\":$2}"
}

# MOVING: Litestream starts before the app does, all databases are proven, then the path is the truth.
prove_all() {
  claimed_path=$path_wanted
  release_lock
  systemctl start "$app-litestream.service" || {
    code=litestream-down text='Litestream did not start' next="see journalctl -u $app-litestream" flags=
    refuse
  }
  take_lock 60 || { say 4 "another program has been at work on this app for a minute; tried again later"; exit 1; }
  # Litestream answers before it has looked at the database: a first proof may come too early.
  end=$(($(date +%s) + 900))
  while :; do
    proof 120 false
    ! is held || break
    [ "$(date +%s)" -lt "$end" ] || break
    sleep 1
  done
  is held || {
    code=not-proven text="the replica does not hold what was restored yet: $text" next='it is tried again' flags=
    refuse
  }
  [ "$put" != null ] || return 0
  put_owner "$put" "$etag" false 60 || refuse
  remember claim "$(remembered claim | sed 's/"proven":false/"proven":true/')"
  say 5 "proven: the replica holds what was restored"
}

# At a stop, the app being down: proof in the time there is, then `clean`, which says so after everything is on disk.
stop_proof() {
  open_scratch
  local=null remote=null
  claimed_path=$(remembered claim | sed -n 's/.*"path":"\([^"]*\)".*/\1/p')
  [ -n "$claimed_path" ] || return 0
  proof "${1:-20}" false
  proved=false
  ! is held || proved=true
  each_db flush
  remember clean "{\"proved\":$proved}"
  if [ "$proved" = true ]; then say 6 "stopped in order: the replica holds everything"
  else say 4 "stopped in order, but it is not proven that the replica holds everything: $text"; fi
}

flush() {
  as_app sh -c 'for file in "$1" "$1-wal"; do [ ! -f "$file" ] || sync "$file"; done; [ ! -d "${1%/*}" ] || sync "${1%/*}"' sh "$path"
}
