# The owner object (ownership.md, "Objects"): reading it, its shape, the next one of each transition that a host makes.
#
# What a GET found, as s3.sh reports it:
#   .owner = { curl: exit code, error: curl's words, http: status, s3: the <Code> of an error, etag, date: epoch s, body }

def minutes: (. / 60 | floor | tostring) + " min";

def refuse($code; $text; $next): { do: "refuse", code: $code, text: $text, next: $next };

# alert: worth telling at once, for it does not go away by waiting. Anything else is told when it lasts (gate.sh).
def alarm($code; $text; $next): refuse($code; $text; $next) + { alert: true };

# \A and \z, for $ also matches before a line break at the end.
def is_txid: type == "string" and test("\\A[0-9a-f]{16}\\z");
# It becomes a part of file names and of programs: nothing else may pass for one.
def is_path: type == "string" and test("\\Ae[0-9]{4,}-[0-9a-f]{8}\\z");
def zero: "0000000000000000";
def known_end: . == null or (type == "object" and all(.[]; is_txid));

# Strict, because the next write is built from it: what this version does not know it must not carry on.
def is_owner:
  type == "object" and .v == 1
  and (.epoch | type == "number" and . >= 1)
  and (.path | is_path)
  and (.write | type == "string")
  and (.holder | . == null or (type == "object" and (.host | type == "string") and (.id | type == "string")))
  and (.from | . == null
        or (type == "object" and (.dbs | type == "object" and all(.[]; . == "latest" or is_txid))
            and (.path | . == null or is_path) and ((.path | is_path) or (.local | type == "string"))))
  and (.dbs | type == "object" and length > 0 and all(.[]; type == "object" and (.init | type == "boolean")))
  and (.past | type == "array"
        and all(.[]; type == "object" and (.path | is_path) and (.host | type == "string") and (.end | known_end)));

def skew_limit: 300;
# Seconds that our clock is ahead of the server's; null without an answer that carries a date.
# Taken when the answer came: what is looked at afterwards may take minutes.
def skew: if (.owner.date | type) == "number" then (.owner.at // .now) - .owner.date else null end;
def clock_wrong: skew | . != null and (. > skew_limit or . < -skew_limit);
def clock_text:
  (skew | if . > 0 then "\(minutes) ahead of" else "\(-. | minutes) behind" end) as $way
  | "this machine's clock is \($way) the replica's server";

def reason:
  (.owner.error // "") as $error | (.owner.s3 // "") as $code
  | if $error != "" then $error elif $code != "" then "\(.owner.http) \($code)" else "HTTP \(.owner.http)" end;

# kind: ok, absent, bucket, garbage, newer; or, when nothing is known about the object: timeout, refused, denied, clock, server
def owner_read:
  . as $f | .owner
  | if .curl == 28 then { kind: "timeout" }
    elif .s3 == "NotMounted" then { kind: "unmounted" }
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

def known: .kind | IN("ok", "absent", "bucket", "garbage", "newer");

# The same kinds, from the words of Litestream: its exit code is 1 for everything.
def litestream_kind:
  if startswith("not mounted: ") then "unmounted"
  elif test("NoSuchBucket") then "bucket"
  elif test("RequestTimeTooSkewed") then "clock"
  elif test("StatusCode: 40[13]|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch") then "denied"
  elif test("no answer in time|deadline exceeded|Client.Timeout|i/o timeout") then "timeout"
  elif test("connection refused|connection reset|no such host|unreachable|no route|dial tcp|broken pipe|Failed to connect|Could not resolve") then "refused"
  elif test("StatusCode: 5") then "server"
  else "other" end;

# What becomes of it without anybody's doing: before a start, and while the app runs.
def by_itself: if .ask == "timer" then "what is written meanwhile is uploaded" else "the app comes up by itself" end;

# The same of a directory: nothing is taken for empty that is not mounted.
def directory_unreadable($kind; $why; $f):
  $f.where as $where
  | ($f | by_itself) as $itself
  | if $kind == "unmounted" then
      refuse("replica-unmounted"; "\($where): \($why)"; "mount it again; \($itself) afterwards")
    elif $kind == "timeout" or $kind == "refused" then
      refuse("replica-timeout"; "\($where) does not answer (\($why))"; "look at what is mounted there and at its server; \($itself) once it answers")
    elif $kind == "denied" then
      refuse("replica-denied"; "\($where) is closed to the app's user (\($why))"; "give it back to that user, whose number must be the same on the server, and not squashed there")
    elif $kind == "garbage" then
      alarm("owner-garbage"; "the newest owner.N.json of \($f.app) in \($where) is not an owner object that streamside wrote"; "find out who wrote it; the ones before it lie beside it")
    else
      refuse("replica-error"; "\($where) cannot be read (\($why))"; "look at what is mounted there (dmesg); \($itself) once it can be read")
    end;

# Why the replica could not be read, and what to do: the same words at the gate, before Litestream and in the timer.
def unreadable($kind; $why; $f):
  $f.where as $where
  | ($f | by_itself) as $itself
  | if $f.store == "directory" then directory_unreadable($kind; $why | ltrimstr("not mounted: "); $f)
    elif $kind == "timeout" then
      refuse("replica-timeout"; "\($where) does not answer in time (\($why))"; "look at the server and the network; \($itself) once it answers")
    elif $kind == "refused" then
      refuse("replica-unreachable"; "\($where) cannot be reached (\($why))"; "start the server, or mend the network or the endpoint in the inventory; \($itself) afterwards")
    elif $kind == "denied" then
      refuse("replica-denied"; "\($where) refuses the keys of this host (\($why))"; "check access-key-id and secret-access-key and what the bucket allows them, then run streamside provision")
    elif $kind == "clock" then
      refuse("clock"; if ($f | clock_wrong) then "\($f | clock_text), and it refuses every request (\($why))" else "\($where) refuses every request, for this machine's clock is wrong (\($why))" end;
             "let this machine reach a time server (timedatectl timesync-status), or set its clock")
    elif $kind == "bucket" then
      alarm("bucket-gone"; "the bucket does not exist at \($where) (\($why))"; "bring the bucket back, or mend bucket: in the inventory; nothing is created in its place")
    elif $kind == "garbage" then
      alarm("owner-garbage"; "owner.json of \($f.app) at \($where) is not an owner object that streamside wrote"; "find out who wrote to the bucket and put an earlier version of the object back")
    else
      refuse("replica-error"; "\($where) answers with an error (\($why))"; "look at the server's log; \($itself) once it answers")
    end;

# Litestream's own commands meet the data, which may lie elsewhere than the owner object.
def data_where: .data // .where;
def data_unreadable($kind; $why; $f): unreadable($kind; $why; $f | .where = data_where);

def unread($read; $f):
  if $read.kind == "newer" then
    alarm("owner-too-new"; "owner.json of \($f.app) at \($f.where) has version \($read.v); this host reads version 1"; "run streamside provision with the release that wrote it, or a later one")
  else unreadable($read.kind; $read.why; $f) end;

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
