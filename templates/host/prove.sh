# The proof that the replica holds everything (litestream.md, rule 8), and what it entitles to.
# shellcheck shell=sh disable=SC2154,SC2034,SC2016 # variables are shared with the program that sources it

claimed_path() { remembered claim | sed -n 's/.*"path":"\([^"]*\)".*/\1/p'; }

# Collects the facts of a proof of the claimed path and asks for the verdict.
proof() { # SECONDS-FOR-EACH-SYNC
  sync=
  each_db sync_entry "$1"
  plans=
  # A chain is worth asking for only where the server has answered so far: Litestream takes minutes to give up.
  path_claimed=$(claimed_path)
  # without a claim there is no path to ask for
  case $path_claimed:$sync in ?*:*'"rc":0'*) config_for "$path_claimed"; each_db plans_entry ;; esac
  deleted=
  [ ! -e "$run/running/$app" ] || each_db deleted_entry
  get_owner 3
  ask "{\"ask\":\"proof\",$(facts),\"sync\":{${sync#,}},\"plans\":{${plans#,}},\"deleted\":{${deleted#,}},\"ended\":${ended:-false}}"
}

deleted_entry() {
  who=$(deleted_under "$unit" "$path")
  # an app that makes its files anew has the new one open, and Litestream the former
  [ -n "$who" ] || who=$(deleted_under "$app-litestream.service" "$path")
  [ -z "$who" ] || deleted="$deleted,$key:$(json "$who")"
}

# INIT or PROVEN, when the proof entitles to it. The claim says `proven` only after the owner object does.
carry_over() {
  [ "$put" != null ] || return 0
  say 5 "$(printf %s "$verdict" | sed 's/.*"transition":"\([A-Z]*\)".*/\1/'): the replica holds what it has to"
  proven_tip=$tip
  put_owner "$put" "$etag" false 60 || return 1
  tip=$proven_tip
  case $(remembered claim) in
    *'"proven":false'*) remember claim "$(remembered claim | sed 's/"proven":false/"proven":true/')" ;;
  esac
}

# MOVING: Litestream starts before the app does, all databases are proven, then the path is the truth.
prove_all() {
  release_lock
  start_litestream || refuse_as litestream-down \
    "what was restored must be uploaded before the app starts, and Litestream did not start: $(cat "$run/litestream/$app.refused" 2>/dev/null || :)" \
    "see journalctl -u $app-litestream"
  take_lock 60 || busy
  # Litestream answers before it has looked at the database: a first proof may come too early.
  end=$(($(date +%s) + 900))
  while :; do
    look_local
    proof 120
    ! is held || break
    # another claim was made meanwhile: the next round of the gate follows it
    if is moved; then say 4 "$text"; return; fi
    [ "$(date +%s)" -lt "$end" ] || refuse_as not-proven "the replica does not hold what was restored yet: $text" "it is tried again; if that goes on, run streamside restore $host"
    sleep 1
  done
  carry_over || refuse
  write_tip || :
}

# tip.json is the high-water mark of the path: a restore that ends below it has lost rows. One writer, so If-Match never
# meets anyone else's; a 412 is an earlier PUT of our own whose answer was lost.
write_tip() { # needs $tip
  [ "$tip" != null ] && [ "$tip" != '{}' ] || return 0
  path_claimed=$(claimed_path)
  fresh="{\"path\":\"$path_claimed\",\"dbs\":$tip}"
  [ "$(remembered tip)" = "$fresh" ] || remember tip "$fresh"
  for attempt in 1 2; do
    object_get "$path_claimed/tip.json"
    seq=0 etag_before=$tag
    case $curl:$http in
      0:200) seq=$(sed -n 's/.*"seq":\([0-9]*\).*/\1/p' "$work/body") condition=match ;;
      0:404) condition=absent ;;
      *) return 1 ;;
    esac
    # a server without conditional writes would refuse the header; in a directory it is one file, for it has one writer
    [ "$owner_mode" = conditional ] || condition=any
    printf '{"seq":%s,"dbs":%s}\n' "$((${seq:-0} + 1))" "$tip" >"$work/tip.new"
    object_put "$path_claimed/tip.json" "$work/tip.new" "$condition" "$etag_before"
    case $curl:$http in 0:2??) return 0 ;; 0:412) ;; *) return 1 ;; esac
  done
  return 1
}

# fsync of a database, its WAL and its folder: then a power cut takes nothing of it.
flush() {
  as_app sh -c 'for file in "$1" "$1-wal" "${1%/*}"; do [ ! -e "$file" ] || sync "$file"; done' sh "$path"
}
