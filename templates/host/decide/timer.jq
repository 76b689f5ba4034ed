# Every two minutes (ownership.md, "Litestream's unit and the timer"). Facts as at the gate, and .unreadSince: epoch s | null.
# ask "timer" -> quiet, prove (go on to the proof), fence, restart (the gate decides anew), halt (Litestream alone), tell
# ask "watch", after the proof: .sync, .plans, .unprovenSince, .held, .past = { ended, remote } | null, .told: names of the alerts
#   that people have been told -> .alerts, and .over: those names whose cause was looked at and is gone
# ask "data" -> prove, or tell why the data could not be read: with the owner object at hand, `status` asks after them. Facts: .remote
# ask "past" -> look { path, keep: the entry } at one path of the past, another at each run; or quiet
def for_long($since): $since != null and .now - $since > 600;

# The clock may jump while Litestream runs, which looked at it before it started: its retention deletes by this clock. Whoever
# answered said what time it is there. It comes back by itself, for its own check waits for the clock.
def halted:
  alarm("clock"; "\(clock_text), and Litestream would delete history by it: it is halted, and \(.app) goes on without a replica";
        "let this machine reach a time server (timedatectl timesync-status), or set its clock; Litestream comes back by itself")
  | .do = "halt";

def timer:
  owner_read as $read
  | $read.owner as $owner
  | if .claim == null then { do: "quiet", code: "no-claim", text: "nothing here to look after", next: "" }
    elif $read.kind != "ok" and clock_wrong then halted
    elif $read.kind != "ok" then
      # Its own path is the host's own: it goes on, whatever has become of the object.
      (for_long(.unreadSince)) as $alert
      | if $read.kind == "absent" then
          refuse("owner-gone"; "owner.json of \(.app) is gone from \(.where)"; "bring the bucket's content back; the app goes on under its own path")
        else unread($read; .) end
      | .do = "tell" | .alert = $alert
    elif $owner.holder == null then { do: "quiet", code: "released", text: "\(.app) is released", next: "" }
    elif $owner.holder.id != .me and .fenced and (.running | not) then { do: "quiet", code: "fenced", text: "another host holds \(.app)", next: "" }
    elif $owner.holder.id != .me then held_elsewhere($owner) | .do = "fence" | .alert = true
    elif clock_wrong then halted
    # under its own path, which nobody else writes to: the app goes on
    elif rolled_back($owner) != null then
      alarm("rolled-back"; "the bucket was rolled back: \(rolled_back($owner))"; way_out) | .do = "tell"
    elif .claim.path != $owner.path then
      { do: "restart", code: "another-path", text: "the path is \($owner.path) now, and the files here belong to \(.claim.path)", next: "" }
    else { do: "prove", code: "mine", text: "", next: "", path: $owner.path } end;

# about: the database or the path that it is about; each has an alert of its own, so that none hides another.
def one_alert($code; $about; $text; $next): { code: $code, about: $about, text: $text, next: $next };
def alert_name: "check-\(.code)-\(.about)";

# The chain of my own path, while nothing is pending: what is not restorable now was, or never will be.
def chain_of($db):
  . as $f
  | $f.sync[$db] as $s | $f.plans[$db] as $p
  | "run streamside provision --new-history \($f.app): the database here is whole, and starts a new chain" as $next
  | if $s.rc != 0 or $s.txid != $s.replica or $s.txid == zero or $p == null then { looked: [], alerts: [] }
    elif $p.rc != 0 and ($p.error | litestream_kind) != "other" then { looked: [], alerts: [] }
    elif $p.rc != 0 then
      { looked: ["chain-broken"],
        alerts: [one_alert("chain-broken"; $db; "\($db): what the replica holds of \($f.app) does not restore any more: \($p.error)"; $next)] }
    elif $p.max < $s.txid then
      { looked: ["chain-broken", "replica-short"],
        alerts: [one_alert("replica-short"; $db; "\($db): the replica restores to \($p.max), and \($s.txid) had been uploaded"; $next)] }
    else { looked: ["chain-broken", "replica-short"], alerts: [] } end
  | .looked |= map("check-\(.)-\($db)");

# The one path of the past that this run has looked at. It says nothing of the others, nor when it could not be read.
def past_of:
  . as $f
  | .past as $old
  | if $old == null or any($old.remote[]; .error != null) then { looked: [], alerts: [] }
    else
      { looked: ["check-split-\($old.ended.path)"],
        alerts: [[($old.ended.end // {}) | keys[] as $db
            | select($old.remote[$db].max != null and $old.remote[$db].max > $old.ended.end[$db])
            | "\($db): \($old.remote[$db].max) there, \($old.ended.end[$db]) taken over"] | select(. != [])
          | one_alert("split"; $old.ended.path; "somebody has written to \($old.ended.path) after \($f.app) had moved on from it (\(join("; "))): two histories exist, nothing was deleted";
                      "streamside keep \($f.host) \($f.app) --dry-run shows what was written there; without --dry-run it goes on with what \($f.host) has")] }
    end;

def places_of:
  . as $f
  | { looked: [.dbs[] | "check-place-lost-\(.)"],
      alerts: [.dbs[] as $db | select(.local != null and place_lost($db))
        | one_alert("place-lost"; $db; place_lost_text($db) + ": it is halted, and \(.app) goes on without a replica"; place_lost_next)] };

def lag_of:
  { looked: (if .unprovenSince == null then ["check-not-replicating-\(.app)"] else [] end),
    alerts: (if for_long(.unprovenSince) then
      [one_alert("not-replicating"; .app; "the replica does not hold the newest rows of \(.app) since \(.unprovenSince | todate): \(.why)"; "see journalctl -u \(.app)-litestream")]
    else [] end) };

def data:
  . as $f
  | first(.remote[] | .error | select(. != null)) // null
  | if . == null then { do: "prove", code: "mine", text: "", next: "" }
    else data_unreadable(litestream_kind; .; $f | .ask = "timer") | .do = "tell" end;

def past:
  owner_read as $read
  | [$read.owner.past[]? | select(.end != null)] as $ended
  | if $ended == [] then { do: "quiet", code: "quiet", text: "", next: "" }
    else $ended[(.now / 120 | floor) % ($ended | length)] as $one | { do: "look", code: "look", text: "", next: "", path: $one.path, keep: $one } end;

# An alert is over when its cause was looked at and not found: not because a run had no answer, or looked elsewhere.
def watch:
  . as $f
  | [(.dbs[] as $db | $f | chain_of($db)), past_of, places_of, lag_of] as $seen
  | [$seen[].alerts[]] as $alerts
  | ([$seen[].looked[]] - [$alerts[] | alert_name]) as $gone
  | { do: "watch", code: "watch", text: "", next: "", alerts: $alerts, over: [(.told // [])[] | select(IN($gone[]))] };
