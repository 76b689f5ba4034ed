# The stale test (ownership.md, "Stale test"), one database at a time.
#
# .local[db]  = { file: bool, l0: highest txid of Litestream's local level 0 | null,
#                 wal: "covers" | "ahead" | "behind" | "foreign" | "missing" | "untouched" }        (wal.sh)
# .remote[db] = { max: highest txid in the replica under the owner's path | null }

def remote_max($db): .remote[$db].max // zero;

# What the files here are known to hold. What was restored counts only where it says something about this path: it came from
# there (ephemeral storage), or nothing but this restore has ever been written there (not proven yet, so the app has not run)
# and Litestream has not opened these files since: then what it uploaded of an earlier copy is no newer. Under a new path
# Litestream counts from 1 again.
def position($db):
  .local[$db].l0 as $l0
  | (if .claim.restored[$db] == null then zero
     elif .claim.source == .claim.path then .claim.restored[$db]
     elif (.claim.proven | not) and $l0 == null then remote_max($db)
     else zero end) as $restored
  | [$l0 // zero, $restored] | max;

# After a power cut the newest commits of the WAL may be gone although Litestream had uploaded them: the files look newest
# and are not. Without a local LTX there is nothing that they could have lost.
def wal_lost($db):
  .local[$db].wal as $wal
  | .clean == null and ($wal == "behind" or $wal == "foreign" or $wal == "missing");

def stale_why($db):
  if remote_max($db) > position($db) then "the replica is at \(remote_max($db)), the file here at \(position($db))"
  elif wal_lost($db) then
    { behind: "the last transactions that were uploaded are missing in its WAL, as after a power cut",
      foreign: "its WAL belongs to another history than what was uploaded last",
      missing: "its WAL is gone, and it was not stopped in order" }[.local[$db].wal]
  else null end;

# fresh    never uploaded, no file: a first launch
# own      never uploaded, a file: nothing to compare it with
# ok       file here, and the replica holds nothing newer
# stale    file here, older than the replica (or its newest part lost)
# missing  no file here, the replica has it
# lost     was proven once, and the replica holds nothing
def condition($db; $owner):
  (.remote[$db].max == null) as $empty
  | ($owner.dbs[$db].init // false) as $init
  | if $empty and $init then "lost"
    elif $empty and (.local[$db].file | not) then "fresh"
    elif .local[$db].file | not then "missing"
    elif stale_why($db) != null then "stale"
    elif $empty then "own"
    else "ok" end;
