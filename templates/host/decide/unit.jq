# Before Litestream starts (ownership.md, "Litestream's unit and the timer"). Facts as at the gate, and .running: the app does.
# -> go { path }, look, refuse, or fence: behind the replica while the app runs means that somebody else wrote there
# Whose history is another name's, as Litestream counts it here: of these the replica has never held anything.
def never_uploaded($owner):
  . as $f | [.dbs[] | select($owner.dbs[.].init == false and $f.remote[.].max == null and $f.local[.].l0 != null) | { key: ., value: "anew" }] | from_entries;
def go($owner): { do: "go", code: "go", text: "mine, under \($owner.path)", next: "", path: $owner.path, dbs: never_uploaded($owner) };

def unit_owned($owner):
  . as $f
  | if .fenced then refuse("fenced"; "another host has taken \(.app) over"; "the gate decides, at the app's next start")
    elif .restoring then refuse("restoring"; "files are being replaced"; "the gate decides, at the app's next start")
    elif $owner.holder.id != .me then refuse("other-holder"; "\(.app) is held by \($owner.holder.host // "nobody")"; "")
    elif .claim.path != $owner.path then refuse("no-claim"; "the files here are not claimed for \($owner.path) yet"; "the gate does that, before the app starts")
    elif $owner.epoch < .claim.epoch then alarm("rolled-back"; "the owner object has epoch \($owner.epoch), and the files here are from epoch \(.claim.epoch): the bucket was rolled back"; way_out)
    elif clock_wrong then refuse("clock"; "\(clock_text): with it Litestream would delete history"; "let this machine reach a time server (timedatectl timesync-status), or set its clock")
    # Beside a running app, too: a position that cannot be read would look like a second writer's work.
    elif barred != [] then files_unreadable | .alert = false
    elif .remote == null then { do: "look", code: "look", text: "", next: "", path: $owner.path }
    elif any(.remote[]; .error != null) then refuse("replica-error"; "\(data_where): \(first(.remote[] | select(.error != null) | .error))"; "")
    elif .mark.error != null then refuse("replica-error"; "\(.where): \(.mark.error | ltrimstr(" "))"; "")
    elif marked == null then mark_garbage($owner)
    elif .running then
      [.dbs[] as $db | select($f | remote_max($db) > position($db)) | $db] as $ahead
      | [.dbs[] as $db | select($f | place_lost($db)) | $f | place_lost_text($db)] as $lost
      # nobody else's work: what it is behind is this host's own
      | if $lost != [] then alarm("place-lost"; $lost | join("; "); place_lost_next)
        elif $ahead == [] then ($f | go($owner))
        else alarm("split"; "the replica is ahead of \($ahead | join(", ")) while the app runs: somebody else has written under \($owner.path)"; "streamside keep \(.host) \(.app) --dry-run shows both; without --dry-run it goes on with the files here") | .do = "fence" end
    else
      [.dbs[] as $db | select($f | if only_here($db; $owner) then false elif .local[$db].file then stale_why($db) != null else remote_max($db) > zero end) | $db] as $stale
      | [.dbs[] as $db | select($owner.from == null and ($f | was_there($db; $owner)) and $f.remote[$db].max == null) | $db] as $lost
      # What it would upload now would stand for what is gone, and the gate would let the app through on it.
      | if $lost != [] then refuse("replica-lost"; "\($lost | join(", ")) was in the replica once, and now nothing is there"; "the gate says what to do, at the app's next start")
        elif any(.dbs[]; $f.local[.].short == true) then
        refuse("file-short"; "\([.dbs[] | select($f.local[.].short == true)] | join(", ")) is cut off, as a failing card leaves it: it would be uploaded as the newest state"; "the gate says what to do, at the app's next start")
      elif $stale == [] then ($f | go($owner))
        else refuse("stale"; "the files here are older than the replica: \($stale | join(", "))"; "the gate restores them, before the app starts") end
    end;

def unit:
  owner_read as $read
  | if $read.kind == "ok" then unit_owned($read.owner)
    elif $read.kind == "absent" then refuse("no-owner"; "there is no owner object at \(.where)"; "run streamside provision")
    else unread($read; .) end;
