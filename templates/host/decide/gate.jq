# The gate before every start of an app (ownership.md, "The gate"). Facts, beside those of owner, stale and offline:
#   app, where        for messages: the instance, and where its owner object lies
#   me, host          this machine's id and inventory name
#   now, synchronised, waited     epoch s; did a time server set the clock; s since the gate began to wait for an owner object
#   dbs               names of the databases in the inventory
#   claim, tip, clean, restoring, fenced     what lies in /var/lib/streamside/apps/<app>
#   uuid, random      for a PUT that may follow
# .remote is absent until asked for: { do: "look" }.
# Decisions: again (after 1 s), look, start, refuse, fence, claim, source (step 4), prove, adopt.

def way_out: "run streamside restore \(.host) to bring back what the replica holds, or streamside provision --new-history \(.app) to go on from the files here";

def claim_for($owner): { path: $owner.path, epoch: $owner.epoch, id: .me, restored: {}, source: null, proven: true };

def named_for_restore($owner): [.dbs[] as $db | select(($owner.dbs[$db].init // false) or .remote[$db].max != null) | $db];

def claim_by_self($owner; $code; $text):
  . as $f
  | { do: "claim", code: $code, text: $text, next: "", alert: true, etag: .owner.etag,
      put: ($owner | claimed($f; [$f | named_for_restore($owner)[] | { key: ., value: "latest" }] | from_entries)) };

# discard: what lies here is an earlier copy of the same order, or was proven to be in the replica.
def restore_from($owner; $source; $dbs; $text):
  { do: "source", code: "restore", text: $text, next: "", path: $owner.path, epoch: $owner.epoch, source: $source, dbs: $dbs,
    discard: ((.claim.path == $owner.path and .claim.proven == false and (.restoring | not)) or (.policy.ephemeral and .clean.proved == true)) };

# Steps 2 and 3: the path is proven, and mine.
def settled($owner):
  . as $f
  | [.dbs[] | { key: ., value: (. as $db | $f | condition($db; $owner)) }] as $each
  | [$each[] | select(.value == "lost") | .key] as $lost
  | [$each[] | select(.value | IN("stale", "missing")) | .key] as $behind
  | [.dbs[] | select($f.local[.].file)] as $here
  | ([$each[] | select(.key as $k | $behind | index($k))
      | if .value == "missing" then "\(.key): no file here" else .key as $db | "\($db): \($f | stale_why($db))" end] | join("; ")) as $why
  | if $lost != [] then
      alarm("replica-lost"; "\($lost | join(", ")) was in the replica once, and now nothing is there under \($owner.path) (\(.where))";
            "bring the bucket's content back" + (if $here != [] then ", or run streamside provision --new-history \(.app) to go on from the files here" else "; run streamside provision --new-history \(.app) to start with an empty database" end))
    elif .claim.path != $owner.path and all($each[]; .value == "fresh") then
      { do: "start", code: "first-launch", text: "no database here and none in the replica: the first launch", next: "", claim: claim_for($owner), litestream: true }
    elif .claim == null and all($each[]; .value | IN("fresh", "own")) then
      { do: "start", code: "adopted", text: "the database here has never been in a replica: it is taken as it is", next: "", claim: claim_for($owner), litestream: true }
    elif .claim.path != $owner.path and $behind == [] and all($each[]; .value | IN("fresh", "own")) then
      alarm("files-of-another-path"; "the files here belong to \(.claim.path), and nothing is in the replica under \($owner.path)"; way_out)
    elif .claim.path != $owner.path then
      claim_by_self($owner; "stale-files"; if .claim == null then "nothing says where the files here come from" else "the files here belong to \(.claim.path), and the current path is \($owner.path)" end)
    elif .policy.ephemeral and .clean.proved == true and ($f | named_for_restore($owner)) != [] then
      restore_from($owner; $owner.path; [$f | named_for_restore($owner)[] | { key: ., value: "latest" }] | from_entries; "ephemeral storage, proven at the stop")
    elif $behind != [] then
      claim_by_self($owner; if any($each[]; .value == "stale") then "stale-files" else "no-files" end; $why)
    else
      { do: "start", code: "own-files", text: "the files here are this host's own and not older than the replica", next: "", litestream: true }
      # Proven, but the crash came before the claim said so: from here on the app writes.
      | if $f.claim.proven then . else . + { claim: ($f.claim | .proven = true) } end
    end;

def behind_order($owner):
  . as $f | [$owner.from.dbs | to_entries[] | select(.key as $db | ($f | wal_lost($db)) or ($f.local[$db].l0 // zero) < (if .value == "latest" then zero else .value end)) | .key];

# Step 4: the path is not proven yet.
def moving($owner):
  . as $f
  | ($owner.from.dbs // {}) as $named
  | if $owner.from.local != null then
      if $owner.from.local != .me then
        alarm("data-elsewhere"; "the data of \(.app) are only on \($owner.past[-1].host // "another host")"; "bring that host back, or run streamside restore \(.host) with a point of the replica")
      elif .restoring or .claim.path == null or any($named | keys[]; $f.local[.].file | not) or behind_order($owner) != [] then
        alarm("local-behind"; "the files here are not those that the new history was to start from"; "run streamside restore \(.host), or streamside provision --new-history \(.app) again")
      elif .claim.path == $owner.path then
        { do: "prove", code: "prove", path: $owner.path, text: "a new history from the files here is not proven yet", next: "" }
      else
        { do: "adopt", code: "new-history", path: $owner.path, text: "a new history from the files here", next: "", claim: (claim_for($owner) | .proven = false) }
      end
    elif .restoring then
      restore_from($owner; $owner.from.path // $owner.path; if $owner.from == null then [$f | named_for_restore($owner)[] | { key: ., value: "latest" }] | from_entries else $named end; "a restore was interrupted")
    elif .claim.path == $owner.path and all($named | keys[]; . as $db | $f | .local[$db].file and stale_why($db) == null) then
      { do: "prove", code: "prove", path: $owner.path, text: "restored from \($owner.from.path), not proven yet", next: "" }
    else
      restore_from($owner; $owner.from.path; $named; "ordered by the owner object: restore from \($owner.from.path)")
    end;

def mine($owner):
  if any(.dbs[]; $owner.dbs[.] == null) then
    if .waited < 20 then { do: "again", code: "waiting", text: "the owner object does not name every database yet", next: "" }
    else refuse("database-unknown"; "the owner object does not name \([.dbs[] | select($owner.dbs[.] == null)] | join(", "))"; "run streamside provision") end
  elif .remote == null then { do: "look", code: "look", text: "", next: "", path: $owner.path }
  elif any(.remote[]; .error != null) then
    (first(.remote[] | select(.error != null) | .error)) as $error
    | refuse("replica-error"; "what \(.where) holds could not be listed (\($error))"; "look at the server; the app comes up by itself once it answers")
  elif .restoring or $owner.from != null then moving($owner)
  else settled($owner) end;

# A wrong clock is harmless to the app and fatal to the replica: Litestream's retention would delete history by it.
def with_clock($decision):
  if (clock_wrong | not) or ($decision.do | IN("refuse", "again", "look")) then $decision
  elif $decision.do == "start" and $decision.claim == null then
    $decision | .code = "clock-start" | .litestream = false
  else
    refuse("clock"; "\(clock_text), and \($decision.text)"; "let this machine reach a time server (timedatectl timesync-status), or set its clock")
  end;

def gate_owned($owner):
  if .claim != null and $owner.epoch < .claim.epoch then
    alarm("rolled-back"; "the owner object has epoch \($owner.epoch), and the files here are from epoch \(.claim.epoch): the bucket was rolled back"; way_out)
  elif .claim.path == $owner.path and .claim.proven and $owner.from != null then
    alarm("rolled-back"; "the owner object orders a restore that this host has already proven: the bucket was rolled back"; way_out)
  elif .claim != null and .claim.path != $owner.path and (.claim.path as $path | $owner | in_past($path) | not) then
    alarm("split"; "the files here belong to \(.claim.path), which the owner object does not know: two histories exist"; "compare the two copies, then run streamside keep HOST \(.app)")
  elif $owner.holder == null then
    refuse("released"; "nobody holds \(.app): it was released by \($owner.past[-1].host // "its last holder")"; "run streamside move \(.app) --to \(.host), or streamside restore \(.host)")
  elif $owner.holder.id != .me then
    (if .claim == null then "refuse" else "fence" end) as $do
    | refuse("other-holder"; "\(.app) is held by \($owner.holder.host) (epoch \($owner.epoch), \($owner.path))";
           if $owner.holder.host == .host then "that is this name on another card or board: run streamside restore \(.host)" else "run it there, or streamside move \(.app) --to \(.host)" end)
    | .do = $do
  else
    .fenced as $fenced | mine($owner) as $decision | with_clock($decision) | .unfence = $fenced
  end;

def gate:
  owner_read as $read
  | if ($read | known | not) then offline($read)
    elif $read.kind == "absent" and .claim != null then
      alarm("owner-gone"; "owner.json is gone from \(.where), and this host has run under \(.claim.path)"; "bring the bucket's content back, or \(way_out); it is never made again by itself")
    elif $read.kind == "absent" and .waited < 20 then { do: "again", code: "waiting", text: "no owner object yet", next: "" }
    elif $read.kind == "absent" then refuse("no-owner"; "there is no owner object at \(.where) yet"; "run streamside provision")
    elif $read.kind == "ok" then gate_owned($read.owner)
    else unread($read; .) end;
