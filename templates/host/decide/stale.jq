# The stale test (ownership.md, "Stale test"), one database at a time.
#
# .local[db]  = { file, l0, wal, id, walId, short, barred } as wal.sh prints it
# .remote[db] = { max: highest txid in the replica under the owner's path | null }
# .mark       = tip.json of that path: { body } | { error } | null. Its newest objects may be gone, and then only this says that
#               the files here are older than what was once proven.
# .claim      = { …, restored: { db: txid }, source: the path that those count in, proven }
# .clean      = { proved, settled, files: { db: { id, walId, barred } }, taken } | null: how an orderly stop left the files.
#               barred: true when they could not be read then
#               settled: Litestream was stopped after it too, so that nobody of ours has written since
#               taken: the claim that these files are being taken up for (gate.jq, adopting), until it is written
# .started    = { db: { l0, id } } | null: how the last start found them, when they had been judged and were on disk

def remote_max($db): .remote[$db].max // zero;

# null for what streamside did not write
def marked: if .mark == null then {} elif .mark.body == null then .mark.dbs else (.mark.body | try fromjson catch null | try .dbs catch null) end
  | if type == "object" and all(.[]; is_txid) then . else null end;
def highest($db): [remote_max($db), (marked // {})[$db] // zero] | max;

# Under this path, once: by the owner object, or, when the bucket has gone back to before that was written down there, by what was
# proven since, as tip.json and this host remember it.
def was_there($db; $owner):
  ($owner.dbs[$db].init // false) or ((marked // {})[$db] // zero) > zero
  or (.tip.path == $owner.path and (.tip.dbs[$db] // zero) > zero);

# What the files here are known to hold. What was restored counts only where it says something about this path: it came from
# there (ephemeral storage), or nothing but this restore has ever been written there (not proven yet, so the app has not run)
# and Litestream has not opened these files since: then what it uploaded of an earlier copy is no newer. Once the path is proven
# that is over: who proved it had its Litestream open these files, and an image of before that is old. Under a new path Litestream
# counts from 1 again.
def position($db):
  .local[$db].l0 as $l0
  | (if .claim.restored[$db] == null then zero
     elif .claim.source == .claim.path then .claim.restored[$db]
     elif .claim.proven == false and $l0 == null and (owner_read | .owner.from != null) then highest($db)
     else zero end) as $restored
  | [$l0 // zero, $restored] | max;

# The file of then, perhaps written to: SQLite keeps the inode, and neither the time nor the change counter goes back.
def same_file($db; $before):
  .local[$db].id as $now
  | $now != null and $before != null
    and $now.inode == $before.inode and $now.mtime >= $before.mtime and $now.counter >= $before.counter;

# Nothing was uploaded since the last start, so nothing that was uploaded can have been lost. Without this an app that had run
# without Litestream (replica away) would lose what it wrote: its WAL was made anew and knows no LTX.
def nothing_uploaded_since_start($db):
  .started[$db] as $before
  | $before != null and $before.l0 == .local[$db].l0 and same_file($db; $before.id);

# As the stop left it. The counter of a file that could not be read then is not known.
def as_left($now; $before):
  if $now == null or $before == null then $now == $before
  else ($now | del(.counter)) == ($before | del(.counter)) and ($before.counter == null or $now.counter == $before.counter) end;

# After a power cut the newest commits of the WAL may be gone although Litestream had uploaded them: the files look newest
# and are not. null, or why the files cannot be trusted, whatever the replica says.
def untrusted($db):
  .local[$db] as $now | .clean.files[$db] as $before
  # An orderly stop does not vouch for it: a card fails while nobody looks, too.
  | if $now.short == true then "it is shorter than its header says, and its WAL does not hold what is missing: as a failing card leaves it"
    # A stop that could not even see the file says nothing of it: the WAL is asked, as after a power cut.
    elif .clean != null and ($before.barred != true or $before.id != null) then
      if $before == null then null
      # While the app ran: Litestream does not follow it there, and an orderly stop does not vouch for what nobody has proven.
      elif .clean.proved == false and $now.id != null and .started[$db].id != null
        and ($now.id.inode != .started[$db].id.inode or ($now.id.counter != null and .started[$db].id.counter != null and $now.id.counter < .started[$db].id.counter)) then
        "it was replaced under the running app, and what it holds now was not proven to be in the replica"
      elif .clean.settled and ((as_left($now.id; $before.id) | not) or $now.walId != $before.walId) then "it was changed while neither the app nor Litestream ran"
      elif same_file($db; $before.id) | not then "it was replaced while the app was stopped"
      else null end
    elif nothing_uploaded_since_start($db) then null
    # A copy of before a power cut has other frames under the same salts, and as many: what the WAL covers is then another run of
    # it. The time is not asked, for that of a machine without a battery clock goes back.
    elif $now.id != null and .started[$db].id != null and ($now.id.inode != .started[$db].id.inode or $now.id.counter < .started[$db].id.counter) then
      "it was replaced since its last start"
    # Without an LTX the WAL vouches for nothing: then only the file itself can.
    elif $now.wal == "untouched" and .started[$db].id != null and (same_file($db; .started[$db].id) | not) then "it was replaced since its last start"
    else
      { behind: "the last transactions that were uploaded are missing in its WAL, as after a power cut",
        foreign: "its WAL belongs to another history than what was uploaded last",
        missing: "its WAL is gone, and it was not stopped in order" }[$now.wal]
    end;

# Ordered by nobody and never uploaded: nothing restores it, so nothing says what it should be.
def only_here($db; $owner): $owner.from != null and $owner.from.dbs[$db] == null and highest($db) == zero;

def stale_why($db):
  if remote_max($db) > position($db) then "the replica is at \(remote_max($db)), the file here at \(position($db))"
  elif highest($db) > position($db) then "the replica was proven to be at \(highest($db)) once, the file here is at \(position($db))"
  else untrusted($db) end;

# Behind what this host itself has proven under its path: somebody took Litestream's folder away, under it or while it was down. It
# would count from 1 again, over what the path holds of before, until that restores no more.
def place_lost($db):
  .local[$db].file == true and .local[$db].barred == null and .claim != null and .tip.path == .claim.path
  and position($db) < (.tip.dbs[$db] // zero);
def place_lost_text($db): "\($db): Litestream has lost its place: at \(position($db)) here, and \(.tip.dbs[$db]) was proven to be in the replica";
def place_lost_next:
  "run streamside provision --new-history \(.app): it goes on with the file here and every row in it; or put Litestream's folder (.NAME-litestream beside the database) back if it was moved away, and restart \(.app). A restart alone puts the file into .streamside-aside and restores what the replica holds";

# fresh    never uploaded, no file: a first launch
# own      never uploaded, a file: nothing to compare it with
# ok       file here, and the replica holds nothing newer
# stale    file here, older than the replica (or its newest part lost)
# missing  no file here, the replica has it
# lost     was proven once, and the replica holds nothing
def condition($db; $owner):
  (.remote[$db].max == null) as $empty
  | was_there($db; $owner) as $init
  | if $empty and $init then "lost"
    elif $empty and (.local[$db].file | not) then "fresh"
    elif .local[$db].file | not then "missing"
    elif stale_why($db) != null then "stale"
    elif $empty then "own"
    else "ok" end;

# What the gate has decided, but for a file that is cut off and that nothing restores: the app would serve what is missing as
# empty, and Litestream upload it as the newest state.
def but_not_on_short_files($decision):
  ($decision.dbs // $decision.put.from.dbs // {}) as $restored
  | [.dbs[] as $db | select(.local[$db].short == true and $restored[$db] == null) | $db] as $short
  | . as $f
  | if $short == [] or ($decision.do | IN("start", "claim", "source", "adopt", "prove") | not) then $decision
    else
      alarm("file-short"; "\($short | map(. as $db | "\($db): \($f | untrusted($db))") | join("; ")), and nothing that could be restored holds it";
            "put an intact copy in its place (earlier ones are in .streamside-aside beside it), or save its rows into a new file with sqlite3 and .recover, or move it away, with its -wal and -shm, to start with an empty database")
    end;

# keep: what the gate writes down as `started`, after it has all of it on disk.
def start($code; $text):
  { do: "start", code: $code, text: $text, next: "", litestream: true, keep: (.local | map_values({ l0, id })) };

# ask "left", at a stop: what `clean` keeps of the files
def left: { do: "left", code: "left", text: "", next: "", keep: (.local | map_values({ id, walId } + if .barred == null then {} else { barred: true } end)) };
