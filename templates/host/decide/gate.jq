# The gate before every start of an app (ownership.md, "The gate"). Facts, beside those of owner, stale and offline:
#   app, where, data  for messages: the instance, where its owner object lies, and where its data lie when that is elsewhere
#   me, host          this machine's id and inventory name
#   now, synchronised, waited     epoch s; did a time server set the clock; s since the gate began
#   dbs               names of the databases in the inventory
#   claim, tip, clean, started, restoring, fenced, rescue     what lies in /var/lib/streamside/apps/<app>
#   uuid, random      for a PUT that may follow
# .remote and .mark are absent until asked for: { do: "look" }.
# Decisions: again (after 1 s), look, start, refuse, fence, claim, rescue, source (step 4), adopt, prove.

def way_out: "run streamside restore \(.host) to go back to what the replica holds, or streamside provision --new-history \(.app) to go on from the files here";

def claim_for($owner): { path: $owner.path, epoch: $owner.epoch, id: .me, restored: {}, source: null, proven: true };

def named_for_restore($owner):
  [.dbs[] as $db | select(was_there($db; $owner) or .remote[$db].max != null) | { key: $db, value: "latest" }] | from_entries;

# An app's databases are of one moment: those that are whole here are restored with the one that is not. Whoever misses rows that
# had not been uploaded yet has to know where they are.
def with_it($owner; $why):
  ((named_for_restore($owner) | keys) - $why - [.dbs[] as $db | select(.local[$db].file | not) | $db]) as $others
  | if $others == [] then "" else "; restored with it: \($others | join(", ")), whose files here are kept in .streamside-aside beside \(if ($others | length) == 1 then "it" else "them" end)" end;

def claim_by_self($owner; $code; $text; $why):
  . as $f
  | { do: "claim", code: $code, text: ($text + with_it($owner; $why)), alert: true, etag: .owner.etag,
      next: (if $code == "no-files" then "nothing, it is restored (status tells it for a day, or until the next start); if nobody removed it, see whether the card is failing (dmesg)"
             else "nothing, it is restored (status tells it for a day, or until the next start); the old files are kept in .streamside-aside beside the database" end),
      put: ($owner | claimed($f; $f | named_for_restore($owner))) };

# As it was put in place, perhaps opened by Litestream since: nothing that somebody has laid there meanwhile.
def as_installed($db): (.local[$db].file | not) or same_file($db; .clean.files[$db].id);

# The stop was proven, and nobody has written there since.
def proven_as_left: .clean.proved == true and (. as $f | all(.dbs[]; . as $db | $f | (.local[$db].file | not) or untrusted($db) == null));

# discard: what lies here is an earlier copy of the same order, or was proven to be in the replica and is as it was then.
# ended: who wrote there has written down where it stopped.
# stay: nothing restores these, for they were never uploaded: the files here are their only copy, and belong to what the others
# go on from, or were left in place by an order to go on from there that was interrupted or repeated.
def restore_from($owner; $source; $dbs; $text):
  . as $f
  | { do: "source", code: "restore", text: $text, next: "", path: $owner.path, epoch: $owner.epoch, source: $source, dbs: $dbs,
    ended: any($owner.past[]; .path == $source and .end != null),
    stay: (if .claim.path == $source or .claim.path == $owner.path or (.claim.proven == false and .claim.source == $source) then [.dbs[] | select($dbs[.] == null)] else [] end),
    discard: ((.claim.path == $owner.path and .claim.proven == false and (.restoring | not) and all($dbs | keys[]; . as $db | $f | as_installed($db)))
      or (.policy.ephemeral and proven_as_left)) };

def lost($dbs; $owner):
  alarm("replica-lost"; "\($dbs | join(", ")) was in the replica once, and now nothing is there under \($owner.path) (\(data_where))";
        "bring the bucket's content back, or run streamside provision --new-history \(.app) to "
        + if any(.local[]; .file) then "go on from the files here" else "start with an empty database" end);

# A database that was not there at the stop either, for the app has not made it yet, is not in the rescue.
def not_as_left($db):
  if .local[$db].file then .clean != null and untrusted($db) != null else .clean == null or .clean.files[$db].id != null end;

# Steps 2 and 3: the path is proven, and mine.
def settled($owner):
  . as $f
  | [.dbs[] | { key: ., value: (. as $db | $f | condition($db; $owner)) }] as $each
  | [$each[] | select(.value == "lost") | .key] as $lost
  | [$each[] | select(.value | IN("stale", "missing"))] as $behind
  | (all($each[]; .value == "fresh")) as $fresh
  | (all($each[]; .value | IN("fresh", "own"))) as $unknown
  | ([$behind[] | if .value == "missing" then "\(.key): no file here" else .key as $db | "\($db): \($f | stale_why($db))" end] | join("; ")) as $why
  # Before all else: it is of this path, and a replica that has lost everything does not make it a first launch.
  | if .policy.ephemeral and .rescue and .claim.path == $owner.path and any(.dbs[]; . as $db | $f | not_as_left($db)) then
      { do: "rescue", code: "rescue", text: "ephemeral storage is empty, and what was not proven at the stop was kept", next: "" }
    elif $lost != [] then lost($lost; $owner)
    elif $fresh then
      start("first-launch"; "no database here and none in the replica: the first launch") + { claim: claim_for($owner) }
    elif .claim == null and $unknown then
      start("adopted"; "the database here has never been in a replica: it is taken as it is") + { claim: claim_for($owner) }
    elif .claim.path != $owner.path and $unknown then
      alarm("files-of-another-path"; "the files here belong to \(.claim.path), and nothing is in the replica under \($owner.path)"; way_out)
    elif .claim.path != $owner.path then
      claim_by_self($owner; "stale-files"; if .claim == null then "nothing says where the files here come from, and the replica holds \(.app)" else "the files here belong to \(.claim.path), and the current path is \($owner.path)" end; .dbs)
    elif .policy.ephemeral and proven_as_left and ($f | named_for_restore($owner)) != {} then
      restore_from($owner; $owner.path; $f | named_for_restore($owner); "ephemeral storage, proven at the stop")
    elif $behind != [] then
      claim_by_self($owner; if any($behind[]; .value == "stale") then "stale-files" else "no-files" end; $why; [$behind[].key])
    else
      start("own-files"; "the files here are this host's own and not older than the replica")
      # Proven, but the crash came before the claim said so: from here on the app writes.
      | if $f.claim.proven then . else . + { claim: ($f.claim | .proven = true) } end
    end;

# What Litestream had counted the files here to. Its folder may be aside already, when taking them up was cut off: then they had
# been judged to hold this, and `untrusted` says whether they are still those.
def counted($db): .local[$db].l0 // .clean.taken.restored[$db] // zero;

# A new history from files that only one host has.
def adopting($owner):
  . as $f
  | ($owner.from.dbs | with_entries(select(.value != "latest"))) as $least
  | [$owner.from.dbs | keys[] as $db | select($f | .local[$db].file | not) | "\($db): no file here"] as $missing
  | [$least | keys[] as $db | $f
      | if counted($db) < $least[$db] then "\($db): at \(counted($db)) here, \($least[$db]) was ordered"
        elif untrusted($db) != null then "\($db): \(untrusted($db))" else empty end] as $behind
  | [$owner.from.dbs | keys[] as $db | $f | select(.local[$db].short != true and stale_why($db) != null) | "\($db): \(stale_why($db))"] as $replaced
  | (if .claim.path == $owner.path then $replaced else $behind end) as $begun
  | if $owner.from.local != .me then
      alarm("data-elsewhere"; "the data of \(.app) are only on \($owner.past[-1].host // "another host")"; "bring that host back, or run streamside restore \(.host) --app \(.app) --at TIME, a point of the replica")
    # taken up already: Litestream's own folder is made anew, and counts from 1
    elif .claim.path == $owner.path and (.restoring | not) and $missing == [] and $replaced == [] then
      { do: "prove", code: "prove", path: $owner.path, text: "a new history from the files here is not proven yet", next: "" }
    elif .restoring then
      alarm("local-behind"; "the files here are a mixture: they were being replaced when the new history was ordered; what lay here before is in .streamside-aside beside the database";
            "run streamside restore \(.host) --app \(.app) --at TIME, a point of the replica")
    elif $missing != [] or $begun != [] then
      alarm("local-behind"; "the files here are not those that the new history was to start from (\([$missing[], $begun[]] | join("; ")))";
            # a first path is made from files here by a rename alone: what they held was proven under the other name
            if $owner.past == [] and .claim.path != $owner.path
            then "call \(.app) by its earlier name in the inventory again and run streamside provision: the replica holds its data under that name"
            else "run streamside restore \(.host) --app \(.app) --at TIME, a point of the replica; or, where files of it are here, streamside provision --new-history \(.app) again" end)
    else
      { do: "adopt", code: "new-history", path: $owner.path, text: "a new history from the files here", next: "",
        claim: (claim_for($owner) | .proven = false | .restored = $least | .source = $f.claim.path) }
    end;

# Step 4: the path is not proven yet, or files were being replaced.
def moving($owner):
  . as $f
  | ($owner.from.dbs // {}) as $named
  | if $owner.from.replica != null then
      refuse("from-another-replica"; "the owner object orders a restore from replica \($owner.from.replica)"; "run streamside provision with the release that ordered it")
    elif $owner.from.local != null then adopting($owner)
    elif $owner.from == null then
      restore_from($owner; $owner.path; named_for_restore($owner); "a restore was interrupted")
    elif .restoring then
      restore_from($owner; $owner.from.path; $named; "a restore was interrupted")
    elif .claim.path == $owner.path and all($named | keys[]; . as $db | $f | .local[$db].file and stale_why($db) == null) then
      { do: "prove", code: "prove", path: $owner.path, text: "restored from \($owner.from.path), not proven yet", next: "" }
    else
      restore_from($owner; $owner.from.path; $named; "ordered by the owner object: restore from \($owner.from.path)")
    end;

def mark_garbage($owner):
  alarm("tip-garbage"; "\($owner.path)/tip.json of \(.app) at \(.where) is not what streamside wrote"; "put an earlier version of the object back");

def mine($owner):
  ([$owner.from.dbs // {} | keys[]] - .dbs) as $left
  | if any(.dbs[]; $owner.dbs[.] == null) then
    if .waited < 20 then { do: "again", code: "waiting", text: "the owner object does not name every database yet", next: "" }
    else refuse("database-unknown"; "the owner object does not name \([.dbs[] | select($owner.dbs[.] == null)] | join(", "))"; "run streamside provision") end
  # It would be in no path that is restored from later on.
  elif $left != [] then
    refuse("database-left"; "the owner object orders a restore of \($left | join(", ")), which the inventory does not have here"; "put it back under databases: and run streamside provision")
  elif barred != [] then files_unreadable
  elif .remote == null then { do: "look", code: "look", text: "", next: "", path: $owner.path }
  elif any(.remote[]; .error != null) then
    data_away($owner)
  elif .mark.error != null then unreadable(.mark.error | litestream_kind; .mark.error; .)
  elif marked == null then mark_garbage($owner)
  elif .restoring or $owner.from != null then moving($owner)
  else settled($owner) end;

# A wrong clock is harmless to the app and fatal to the replica: Litestream's retention would delete history by it.
def with_clock($decision):
  if (clock_wrong | not) or ($decision.do | IN("refuse", "again", "look")) then $decision
  elif $decision.do == "start" and $decision.claim == null then
    $decision | .code = "clock-start" | .litestream = false
  elif .waited < 20 and (.synchronised | not) then { do: "again", code: "waiting", text: "the clock is not set yet", next: "" }
  else
    refuse("clock"; "\(clock_text), and Litestream would delete history by it (\($decision.text))"; "let this machine reach a time server (timedatectl timesync-status), or set its clock")
  end;

def held_elsewhere($owner):
  (if .claim == null then "refuse" else "fence" end) as $do
  | refuse("other-holder"; "\(.app) is held by \($owner.holder.host) (epoch \($owner.epoch), \($owner.path))";
           if $owner.holder.host == .host then "that is this name on another card or board: run streamside restore \(.host)" else "run it there, or streamside move \(.app) --to \(.host)" end)
  | .do = $do;

# -1 for a path that it does not know, or no more
def place_in_past($owner; $path): ([$owner.past | to_entries[] | select(.value.path == $path) | .key] | max) // -1;

def rolled_back($owner):
  if .claim != null and $owner.epoch < .claim.epoch then
    "the owner object has epoch \($owner.epoch), and the files here are from epoch \(.claim.epoch)"
  elif .claim.path == $owner.path and .claim.proven and $owner.from != null then
    "the owner object orders a restore that this host has already proven"
  # Somebody took over on the strength of an object that had gone back: what was proven after that source would be lost. A chosen
  # point is a choice, the latest of an older path is none.
  elif .claim.proven and any($owner.from.dbs // {} | .[]; . == "latest") and place_in_past($owner; $owner.from.path) >= 0 and place_in_past($owner; .claim.path) > place_in_past($owner; $owner.from.path) then
    "the owner object orders the latest of \($owner.from.path), and this host has proven \(.claim.path) after it"
  else null end;

def gate_owned($owner):
  if rolled_back($owner) != null then
    alarm("rolled-back"; "the bucket was rolled back: \(rolled_back($owner))"; way_out)
  elif .claim != null and .claim.path != $owner.path and (.claim.path as $path | $owner | in_past($path) | not) then
    alarm("split"; "the files here belong to \(.claim.path), which the owner object does not know: two histories exist"; "streamside keep \(.host) \(.app) --dry-run shows both; without --dry-run it goes on with the files here")
  elif $owner.holder == null then
    refuse("released"; "nobody holds \(.app): it was released by \($owner.past[-1].host // "its last holder")"; "run streamside move \(.app) --to \(.host), or streamside restore \(.host)")
  elif $owner.holder.id != .me then held_elsewhere($owner)
  else
    .fenced as $fenced | mine($owner) as $decision | with_clock($decision) | .unfence = $fenced
  end;

def gate:
  owner_read as $read
  | if $read.kind == "clock" and .waited < 20 and (.synchronised | not) then { do: "again", code: "waiting", text: "the clock is not set yet", next: "" }
    elif $read | known | not then offline($read)
    elif $read.kind == "absent" and .claim != null then
      alarm("owner-gone"; "owner.json of \(.app) is gone from \(.where), and this host has run under \(.claim.path)"; "bring the bucket's content back, or \(way_out); it is never made again by itself")
    elif $read.kind == "absent" and .waited < 20 then { do: "again", code: "waiting", text: "no owner object yet", next: "" }
    elif $read.kind == "absent" then refuse("no-owner"; "there is no owner object of \(.app) at \(.where) yet"; "run streamside provision")
    elif $read.kind == "ok" then gate_owned($read.owner)
    else unread($read; .) end;
