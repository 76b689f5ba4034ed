# Proof that the replica holds everything (litestream.md, rule 8), and what it entitles to.
#
# ask "proof": .sync[db] = { rc, txid, replica, error } (16 hex digits), .plans[db] = { rc, min, max, error },
#   .owner as everywhere, .claim, .me, .running: the app may write meanwhile, .ended: it has just stopped,
#   .deleted[db] = who has a file open that lay there and lies there no more
# -> { held, moved, lost: Litestream has lost its place, tip: { db: txid } }, and `put` with its etag when an INIT or PROVEN is due
def unproven($db):
  .sync[$db] as $s | .plans[$db] as $p
  | if .deleted[$db] != null then "\($db): its file was deleted or replaced under the running app: \(.deleted[$db])"
    elif .local != null and place_lost($db) then place_lost_text($db)
    elif $s.rc != 0 then "\($db): \($s.error)"
    elif $s.txid == zero then "\($db): Litestream has not seen it yet"
    elif $s.txid != $s.replica then "\($db): at \($s.txid) here, at \($s.replica) in the replica"
    elif $p == null then "\($db): not asked"
    elif $p.rc != 0 then "\($db): \($p.error)"
    elif $p.max < $s.txid then "\($db): the replica restores to \($p.max) only, not to \($s.txid)"
    elif $p.max > $s.txid and (.running | not) then "\($db): the replica is at \($p.max), ahead of \($s.txid) here"
    else null end;

# A database that the app has not made yet has nothing to prove.
def to_prove: . as $f | [.dbs[] | select($f.local == null or $f.local[.].file)];

# One that lies in the rescue has: a proof of what is here would give up what is not.
def not_back: . as $f | [.dbs[] | select($f.rescue == true and $f.local != null and ($f.local[.].file | not)) | "\(.): not brought back yet since the last stop"];

# One that was there once: whoever writes to it, or wrote until just now, wrote to what nobody finds, nor uploads.
def gone($read):
  . as $f
  | if (.running or .ended == true) and $read.kind == "ok" and .local != null then
      [.dbs[] | select(($f.local[.].file | not) and $read.owner.dbs[.].init == true and $f.rescue != true)
       | "\(.): its file is gone\(if $f.running then ", under the running app" else "" end)\(if $f.deleted[.] != null then ": \($f.deleted[.])" else "" end)"]
    else [] end;

def foreign_owner($read):
  if $read.kind != "ok" then "the owner object could not be read (\($read.why))"
  elif .claim == null then "nothing here says whose the files are: the claim of \(.app) is gone"
  elif $read.owner.holder.id != .me or $read.owner.path != .claim.path then "the owner object names another holder or path"
  # What it orders would be restored over this: no proof of what lies under a path that it does not take for the truth yet.
  elif rolled_back($read.owner) != null then "the bucket was rolled back: \(rolled_back($read.owner))"
  else null end;

# INIT and PROVEN want the chain from its first transaction on, and not a tail that somebody left.
def due($read; $tip; $held):
  . as $f
  | [$tip | keys[] | select($f.plans[.].min == "0000000000000001")] as $whole
  | if $read.owner.from != null then
      # All that was to be restored, in the new path: files that have gone since prove nothing.
      if $held and (.running | not) and all($read.owner.from.dbs | keys[]; IN($whole[])) then { put: ($read.owner | proven($whole; $f.claim.restored; $f)), etag: .owner.etag, transition: "PROVEN" } else {} end
    elif any($whole[]; $read.owner.dbs[.].init == false) then
      { put: ($read.owner | initialised([$whole[] | select($read.owner.dbs[.] != null)]; $f)), etag: .owner.etag, transition: "INIT" }
    else {} end;

def proof:
  . as $f | owner_read as $read
  | (not_back + gone($read) + [to_prove[] as $db | $f | unproven($db) | select(. != null)]) as $missing
  | foreign_owner($read) as $foreign
  # Under a path that is not the truth any more nothing is marked: whoever went on from it could not have known.
  | (if $foreign != null then {}
     else [to_prove[] as $db | select($f | unproven($db) == null) | { key: $db, value: .sync[$db].txid }] | from_entries end) as $tip
  | ($missing == [] and $foreign == null) as $held
  # moved: what is proven here is not what is wanted any more, and waiting will not change that
  | { do: "tell", code: "proof", held: $held, lost: (.local != null and any(to_prove[]; . as $db | $f | place_lost($db))), moved: ($foreign != null and $read.kind == "ok"),
      # the high-water mark of a database does not go because that one is behind just now
      tip: ((if .claim != null and .tip.path == .claim.path then .tip.dbs else {} end | with_entries(.key as $db | select($f.dbs | index([$db])))) + $tip), text: ([$missing[], $foreign | select(. != null)] | join("; ")), next: "" }
    + if $foreign == null then due($read; $tip; $held) else {} end;
