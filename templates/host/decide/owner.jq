# The owner object (ownership.md, "Objects"): reading it, its shape, the next one of each transition that a host makes.
#
# What a GET found, as s3.sh reports it:
#   .owner = { curl: exit code, error: curl's words, http: status, s3: the <Code> of an error, etag, date: epoch s, body }

def minutes: (. / 60 | floor | tostring) + " min";

def refuse($code; $text; $next): { do: "refuse", code: $code, text: $text, next: $next };

# Worth an alert at once: it does not go away by waiting.
def alarm($code; $text; $next): refuse($code; $text; $next) + { alert: true };

def is_txid: type == "string" and test("^[0-9a-f]{16}$");
def zero: "0000000000000000";
def known_end: . == null or (type == "object" and all(.[]; is_txid));

# Strict, because the next write is built from it: what this version does not know it must not carry on.
def is_owner:
  type == "object" and .v == 1
  and (.epoch | type == "number" and . >= 1)
  and (.path | type == "string" and test("^e[0-9]{4,}-[0-9a-f]{8}$"))
  and (.write | type == "string")
  and (.holder | . == null or (type == "object" and (.host | type == "string") and (.id | type == "string")))
  and (.from | . == null
        or (type == "object" and (.dbs | type == "object" and all(.[]; . == "latest" or is_txid))
            and ((.path | type == "string") or (.local | type == "string"))))
  and (.dbs | type == "object" and length > 0 and all(.[]; type == "object" and (.init | type == "boolean")))
  and (.past | type == "array"
        and all(.[]; type == "object" and (.path | type == "string") and (.host | type == "string") and (.end | known_end)));

def skew_limit: 300;
# Seconds that our clock is ahead of the server's; null without an answer that carries a date.
def skew: if (.owner.date | type) == "number" then .now - .owner.date else null end;
def clock_wrong: skew | . != null and (. > skew_limit or . < -skew_limit);
def clock_text:
  (skew | if . > 0 then "\(minutes) ahead of" else "\(-. | minutes) behind" end) as $way
  | "this machine's clock is \($way) the replica's server";

def reason: if .owner.error // "" != "" then .owner.error elif .owner.s3 // "" != "" then "\(.owner.http) \(.owner.s3)" else "\(.owner.http)" end;

# kind: ok, absent, bucket, garbage, newer; or, when nothing is known about the object: timeout, refused, denied, clock, server
def owner_read:
  . as $f | .owner
  | if .curl == 28 then { kind: "timeout" }
    elif .curl != 0 then { kind: "refused" }
    elif .http == 200 then
      (.body | try fromjson catch null) as $o
      | if ($o | type) == "object" and ($o.v | type) == "number" and $o.v > 1 then { kind: "newer", v: $o.v }
        elif ($o | is_owner) then { kind: "ok", owner: $o }
        else { kind: "garbage" } end
    elif .http == 404 and .s3 == "NoSuchBucket" then { kind: "bucket" }
    elif .http == 404 then { kind: "absent" }
    elif .http == 403 and ($f | clock_wrong) then { kind: "clock" }
    elif .http == 401 or .http == 403 then { kind: "denied" }
    else { kind: "server" } end
  | . + { why: ($f | reason) };

def known: .kind as $k | ["ok", "absent", "bucket", "garbage", "newer"] | index($k) != null;

# Why the owner object could not be read, and what to do: the same words at the gate, before Litestream and in the timer.
def unread($read; $f):
  $f.where as $where
  | if $read.kind == "timeout" then
      refuse("replica-timeout"; "\($where) does not answer in time (\($read.why))"; "look at the server and the network; the app comes up by itself once it answers")
    elif $read.kind == "refused" then
      refuse("replica-unreachable"; "\($where) cannot be reached (\($read.why))"; "start the server, or mend the network or the endpoint in the inventory; the app comes up by itself afterwards")
    elif $read.kind == "denied" then
      refuse("replica-denied"; "\($where) refuses the keys of this host (\($read.why))"; "check access-key-id and secret-access-key and the bucket's policy, then run streamside provision")
    elif $read.kind == "clock" then
      refuse("clock"; "\($f | clock_text), so that it refuses every request (\($read.why))"; "let this machine reach a time server (timedatectl timesync-status), or set its clock")
    elif $read.kind == "server" then
      refuse("replica-error"; "\($where) answers with an error (\($read.why))"; "look at the server's log; the app comes up by itself once it answers")
    elif $read.kind == "bucket" then
      alarm("bucket-gone"; "the bucket does not exist at \($where) (\($read.why))"; "bring the bucket back, or mend bucket: in the inventory; nothing is created in its place")
    elif $read.kind == "garbage" then
      alarm("owner-garbage"; "owner.json at \($where) is not an owner object that streamside wrote"; "find out who wrote to the bucket and put an earlier version of the object back")
    elif $read.kind == "newer" then
      alarm("owner-too-new"; "owner.json at \($where) has version \($read.v); this host reads version 1"; "run streamside provision with the release that wrote it, or a later one")
    else error("unread: \($read.kind)") end;

def state:
  if .holder == null then "RELEASED" elif .from != null then "MOVING" elif all(.dbs[]; .init) then "SOUND" else "NEW" end;

def in_past($path): any(.past[]; .path == $path);

# The transitions of a host. `write` is the uuid of the PUT that carries it out.
def with_past($entry): .past = ((.past + [$entry])[-20:]);

# CLAIM by the holder for its own stale or lost files: never the same path twice, for a late upload of its own may still land.
def claimed($f; $dbs):
  (([.epoch, ($f.claim.epoch // 0)] | max) + 1) as $epoch
  | .path as $old
  | with_past({ path: $old, host: .holder.host, end: null })
  | .epoch = $epoch
  | .path = "e\("000\($epoch)"[-4:] | if $epoch > 9999 then "\($epoch)" else . end)-\($f.random)"
  | .write = $f.uuid
  | .holder = { host: $f.host, id: $f.me }
  | .from = { path: $old, dbs: $dbs };

def initialised($names; $f): .write = $f.uuid | reduce $names[] as $name (.; .dbs[$name].init = true);

# PROVEN: the new path holds what was restored; `end` of the old one is where this one started.
def proven($names; $restored; $f):
  .from.path as $source
  | initialised($names; $f)
  | .from = null
  | if $source == null then . else .past |= map(if .path == $source and .end == null then .end = $restored else . end) end;
