# Proof that the replica holds everything (litestream.md, rule 8), and what it entitles to.
#
# ask "proof": .sync[db] = { rc, txid, replica, error } (16 hex digits), .plans[db] = { rc, min, max, error },
#   .owner as everywhere, .claim, .me, .running: the app may write meanwhile
# -> { held, tip: { db: txid }, proves: [db…], why }, and `put` when an INIT or PROVEN is due

def unproven($db):
  .sync[$db] as $s | .plans[$db] as $p
  | if $s.rc != 0 then "\($db): \($s.error)"
    elif $s.txid != $s.replica then "\($db): at \($s.txid) here, at \($s.replica) in the replica"
    elif $p.rc != 0 then "\($db): \($p.error)"
    elif $p.max < $s.txid then "\($db): the replica restores to \($p.max) only, not to \($s.txid)"
    elif $p.max > $s.txid and (.running | not) then "\($db): the replica is at \($p.max), ahead of \($s.txid) here"
    else null end;

def proof:
  . as $f | owner_read as $read
  | [.dbs[] as $db | $f | unproven($db) | select(. != null)] as $missing
  | (if $read.kind != "ok" then "the owner object could not be read (\($read.why))"
     elif $read.owner.holder.id != .me or $read.owner.path != .claim.path then "the owner object names another holder or path"
     else null end) as $foreign
  | ([.dbs[] as $db | select($f | unproven($db) == null) | { key: $db, value: $f.sync[$db].txid }] | from_entries) as $tip
  | { do: "tell", code: "proof", held: ($missing == [] and $foreign == null), tip: $tip,
      text: ([$missing[], $foreign | select(. != null)] | join("; ")), next: "" }
  | if $foreign == null then
      # min 1: the chain is whole from the first transaction on, and not a tail that somebody left
      [$f.dbs[] | select($tip[.] != null and $f.plans[.].min == "0000000000000001")] as $whole
      | if $read.owner.from != null and .held then
          if $f.running then . else . + { put: ($read.owner | proven($whole; $f.claim.restored; $f)), etag: $f.owner.etag, transition: "PROVEN" } end
        elif $read.owner.from == null and any($whole[]; $read.owner.dbs[.].init | not) then
          . + { put: ($read.owner | initialised($whole; $f)), etag: $f.owner.etag, transition: "INIT" }
        else . end
    else . end;
