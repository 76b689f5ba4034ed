# Step 4: may this be restored, and is what was restored what it had to be?
#
# ask "source": .order (the gate's decision: source, dbs), .tip (local), .sourceTip (tip.json of the source, null, or { error }),
#   .claim (local), .ours (this gate has made the claim itself), .marked and .claimed: when that tip.json and the owner object were
#   written, and what time it is there, { modified, now } epoch s by the clock of whoever keeps them | null,
#   .plans[db] = { rc, min, max, bytes, error } (`restore -dry-run`), .free[db] = bytes free beside the file,
#   .failed = { digest, since, code, text, next } | null: what came of this before, .digest of the plans
#   -> restore, with the least txid of each database; or refuse
# ask "restored": .order, .need (the decision "restore"), .restored[db] = { rc, txid, error, best } -> install or refuse
def source_text: "the replica's copy of \(.app) under \(.order.source)";
def untouched: "the files here are untouched";

# best: the best point that can still be restored, "" when none was found
def another_point($db; $best):
  if ($best // "") == "" then "; or run streamside provision --new-history \(.app)"
  else "; or run streamside restore \(.host) --app \(.app) --txid \($db)=\($best), the best point that can be restored" end;

# What Litestream said about a chain, as a refusal of its own.
def broken($db; $error; $best):
  ($error | litestream_kind) as $kind
  | "\(source_text) cannot be restored: \($db): \($error); \(untouched)" as $said
  | if $kind != "other" then data_unreadable($kind; $error; .)
    elif $error | test("non-contiguous|no matching backup") then
      alarm("chain-gap"; $said; "bring the missing objects back\(another_point($db; $best))") + { lasting: true }
    elif $error | test("no space left|disk full|disk quota") then
      refuse("disk-full"; $said; "make room beside the database")
    elif $error | test("read-only file system|permission denied|not a directory|input/output error|no such file") then
      alarm("folder-unwritable"; $said; "see whether the card is failing or mounted read-only (dmesg, df), and whether the database's folder belongs to the user of \(.app); one that is gone is made by streamside provision")
    else
      alarm("object-damaged"; $said; "bring the damaged object back from a copy or an earlier version\(another_point($db; $best))") + { lasting: true }
    end;

# A gap's best point stands in Litestream's words: "have up to 0000000000000002 but next file starts at …".
def gap_end: (capture("have up to (?<best>[0-9a-f]{16})") | .best) // "";

def needed($db):
  .order.dbs[$db] as $ordered
  | if $ordered != "latest" then $ordered
    else [zero, .sourceTip.dbs[$db] // zero, if .tip.path == .order.source then .tip.dbs[$db] // zero else zero end] | max end;

def short($db; $got; $need):
  alarm("chain-short"; "\(source_text) ends at \($got) for \($db), and \($need) had been proven: its newest objects are gone; \(untouched)";
        "bring them back\(another_point($db; $got))");

# A restore writes the database and, while it is checked, a little more; the old file stays beside it.
def room_for($bytes): 2 * ($bytes // 0);

def tip_read:
  if .sourceTip.body == null then .
  else (.sourceTip.body | try fromjson catch null) as $tip
    | .sourceTip = if ($tip | type) == "object" and ($tip.dbs | type) == "object" and all($tip.dbs[]; is_txid) then $tip else { garbage: true } end
  end;

# A machine that is alive writes its tip.json every two minutes. It sees in its next look that it holds the app no more, and is given
# the time to: the timer's period, its limit, and what it takes to stop and to upload the last rows.
def alive: 300;
def farewell: 240;

# Seconds until what another machine may still be uploading under the source is there. 0: nobody does, or a point was chosen.
def farewell_left:
  # What was put in place from there already has waited for it.
  if .ours or .order.ended or (.claim.proven == false and .claim.path == .order.path and .claim.source == .order.source)
    or .order.source == .order.path or .claim.path == .order.source or .marked == null or .claimed == null
    or all(.order.dbs[]; . != "latest") then 0
  else [([.marked.modified + alive - .marked.now, .claimed.modified + farewell - .claimed.now] | min), 0] | max end;

def farewell_awaited($seconds):
  refuse("source-alive"; "\(source_text) was written to \(.marked.now - .marked.modified) s ago: the machine that had \(.app) may still be running, and is given until \(.claimed.now + $seconds | todate) to upload its last rows; \(untouched)";
         "nothing, it is restored after that (in \($seconds) s), and the app comes up by itself");

def source:
  tip_read | . as $f
  | ([.order.dbs | keys[] | { key: ., value: (. as $db | $f | needed($db)) }] | from_entries) as $need
  | [.order.dbs | keys[] as $db | select($f.plans[$db].rc != 0) | $db] as $failed
  | [$need | keys[] as $db | select($f.plans[$db].max < $need[$db]) | $db] as $short
  | [.order.dbs | keys[] as $db | select($f.plans[$db].rc == 0 and $f.free[$db] != null and $f.free[$db] < room_for($f.plans[$db].bytes)) | $db] as $full
  | farewell_left as $left
  | if .sourceTip.error != null then unreadable(.sourceTip.error | litestream_kind; .sourceTip.error; .)
    elif .sourceTip.garbage then
      alarm("tip-garbage"; "\(.order.source)/tip.json of \(.app) at \(.where) is not what streamside wrote; \(untouched)"; "put an earlier version of the object back")
    elif $failed != [] then
      .plans[$failed[0]].error as $error | broken($failed[0]; $error; $error | gap_end) | del(.lasting)
    elif $short != [] then short($short[0]; .plans[$short[0]].max; $need[$short[0]])
    elif $full != [] then
      refuse("disk-full"; "restoring \($full[0]) needs about \(room_for(.plans[$full[0]].bytes)) bytes beside it, and \(.free[$full[0]]) are free"; "make room there")
    # The same objects fail the same way: not downloaded again every few seconds.
    elif .failed != null and .failed.digest == .digest and .now - .failed.since < 600 and .now >= .failed.since then
      alarm(.failed.code; .failed.text; .failed.next)
    elif $left > 0 then farewell_awaited($left)
    else
      { do: "restore", code: "restore", text: .order.text, next: "", need: $need, dbs: .order.dbs }
    end;

def not_enough($db):
  .order.dbs[$db] as $ordered | .restored[$db].txid as $txid
  | ($txid | is_txid | not) or $txid < .need.need[$db] or ($ordered != "latest" and $txid != $ordered);

def restored:
  . as $f
  | [.order.dbs | keys[] as $db | select($f.restored[$db].rc != 0) | $db] as $failed
  | [.order.dbs | keys[] as $db | select($f | not_enough($db)) | $db] as $short
  | if $failed != [] then
      .restored[$failed[0]] as $what | broken($failed[0]; $what.error; $what.best)
    elif $short != [] then short($short[0]; .restored[$short[0]].txid; .need.need[$short[0]])
    else
      { do: "install", code: "restored", text: "restored from \(.order.source): \([.restored | to_entries[] | "\(.key) at \(.value.txid)"] + [.order.stay[] | "\(.), which is in no replica, stays as it is"] | join(", "))", next: "",
        dbs: (.order.dbs + ([.order.stay[] | { key: ., value: "stay" }] | from_entries)),
        # Nothing was taken over of what nothing was ordered of: whoever uploads that under the old path later makes a second history.
        claim: { path: .order.path, epoch: .order.epoch, id: .me, restored: (([.dbs[] | { key: ., value: zero }] | from_entries) + (.restored | map_values(.txid))),
                 source: .order.source, proven: (.order.source == .order.path) } }
    end;
