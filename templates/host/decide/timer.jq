# Every two minutes (ownership.md, "Litestream's unit and the timer"). Facts as at the gate, and .unreadSince: epoch s | null.
# ask "timer" -> quiet, prove (go on to the proof), fence, restart (the gate decides anew), tell
# ask "watch", after the proof: .sync, .plans, .unprovenSince, .past = { ended, remote } | null -> .alerts
# ask "past" -> look { path, keep: the entry } at one path of the past, another at each run; or quiet
def for_long($since): $since != null and .now - $since > 600;

def timer:
  owner_read as $read
  | $read.owner as $owner
  | if .claim == null then { do: "quiet", code: "no-claim", text: "nothing here to look after", next: "" }
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
    elif .claim.path == $owner.path and rolled_back($owner) != null then
      alarm("rolled-back"; "the bucket was rolled back: \(rolled_back($owner))"; way_out) | .do = "tell"
    elif .claim.path != $owner.path then
      { do: "restart", code: "another-path", text: "the path is \($owner.path) now, and the files here belong to \(.claim.path)", next: "" }
    else { do: "prove", code: "mine", text: "", next: "", path: $owner.path } end;

def one_alert($code; $text; $next): { code: $code, text: $text, next: $next };

# The chain of my own path, while nothing is pending: what is not restorable now was, or never will be.
def chain_alerts:
  . as $f
  | .dbs[] as $db
  | $f.sync[$db] as $s | $f.plans[$db] as $p
  | select($s.rc == 0 and $s.txid == $s.replica and $s.txid != zero)
  | if $p.rc != 0 and ($p.error | litestream_kind) == "other" then
      one_alert("chain-broken"; "\($db): what the replica holds of \($f.app) does not restore any more: \($p.error)";
                "run streamside provision --new-history \($f.app): the database here is whole, and starts a new chain")
    elif $p.rc == 0 and $p.max < $s.txid then
      one_alert("replica-short"; "\($db): the replica restores to \($p.max), and \($s.txid) had been uploaded";
                "run streamside provision --new-history \($f.app): the database here is whole, and starts a new chain")
    else empty end;

def past_alerts:
  . as $f
  | .past as $old
  | ($old.ended.end // {}) | keys[] as $db
  | select($old.remote[$db].max != null and $old.remote[$db].max > $old.ended.end[$db])
  | one_alert("split"; "\($db): somebody has written to \($old.ended.path) after \($f.app) had moved on from it (\($old.remote[$db].max) there, \($old.ended.end[$db]) taken over): two histories exist, nothing was deleted";
              "compare the two copies, then run streamside keep HOST \($f.app)");

def lag_alerts:
  if for_long(.unprovenSince) then
    one_alert("not-replicating"; "the replica does not hold the newest rows of \(.app) since \(.unprovenSince | todate): \(.why)"; "see journalctl -u \(.app)-litestream")
  else empty end;

def past:
  owner_read as $read
  | [$read.owner.past[]? | select(.end != null)] as $ended
  | if $ended == [] then { do: "quiet", code: "quiet", text: "", next: "" }
    else $ended[(.now / 120 | floor) % ($ended | length)] as $one | { do: "look", code: "look", text: "", next: "", path: $one.path, keep: $one } end;

def watch: { do: "watch", code: "watch", text: "", next: "", alerts: [chain_alerts, past_alerts, lag_alerts] };
