# Step 5 of the gate: the owner object could not be read. An app may start on its own files, for its own writes go on under
# its own path; never on files of which the last thing known is that they are not the current ones.
#
# .lastOwner = { read: epoch s, owner: the owner object } | null; .policy = { unreachable: "start" | "wait",
#   limit: s, ephemeral: bool }; .once: ordered by `start APP --offline`
# .lastData = { read: epoch s } | null: when the data were reached last, where they lie elsewhere than the owner object (.data)

def offline_obstacle:
  . as $f | .lastOwner.owner as $o
  | if .claim == null then "no database of this app has ever been here"
    elif .claim.id != .me then "the files here were claimed by another machine"
    elif any(.dbs[]; $f.local[.].file | not) then "the database is not here: \([.dbs[] | select($f.local[.].file | not)] | join(", "))"
    elif .restoring then "a restore was under way"
    elif .fenced then "another host has taken this app over"
    elif any(.dbs[]; . as $db | $f | untrusted($db) != null) then first(.dbs[] as $db | $f | untrusted($db) | select(. != null) | "\($db): \(.)")
    elif $o == null then "who holds this app was never read"
    elif $o.holder.id != .me then "the last holder that was read is \($o.holder.host // "nobody")"
    elif $o.from != null then "a restore had been ordered"
    elif $o.path != .claim.path then "the files here belong to \(.claim.path), and the current path is \($o.path)"
    elif .policy.ephemeral then "its storage is ephemeral"
    else null end;

# Since both were reached: an owner object that others keep says nothing of how long the data have been away.
def last_contact: .lastOwner.read as $owner | if .data == null or .lastData == null then $owner else [$owner, .lastData.read] | min end;
def last_met: if last_contact == .lastOwner.read then "it" else .data end;

# The age counts only against a synchronised clock: a machine without a battery clock boots in the past.
def offline_age: if .synchronised and .lastOwner != null then .now - last_contact else 0 end;

# The owner object was read since, and says so: from here on the app writes.
def as_proven($f): if $f.claim.proven then . else . + { claim: ($f.claim | .proven = true) } end;

def offline_because($why; $obstacle):
  . as $f
  # No matter of the replica's: they hold the app back with it, too.
  | if barred != [] then files_unreadable
    elif $obstacle != null then
      $why | .text += "; and it cannot start without the replica: \($obstacle)"
    elif .once then
      start("offline-once"; "\($why.text); started without the replica, as ordered once") | as_proven($f)
    elif .policy.unreachable == "wait" then
      $why | .text += "; when-replica-unreachable: wait" | .next += ", or run streamside start \($f.app) --offline for one start without it"
    elif offline_age > .policy.limit then
      $why | .code = "offline-limit" | .text += "; \($f | last_met) was last read \(($f | offline_age) / 3600 | floor) h ago, and offline-limit is \($f.policy.limit / 3600 | floor) h"
           | .next += "; raise offline-limit, or run streamside start \($f.app) --offline for one start without it"
    else
      start("offline"; "\($why.text); the files here are this host's own, and current as far as it knows") | as_proven($f)
    end;

def offline($read): offline_because(unread($read; .); offline_obstacle);

def out_of_reach: IN("timeout", "refused", "denied", "clock", "server");

# What the owner object's keeper has just said still counts: its tip.json, and what the data answered before they went.
def behind_what_is_known($owner):
  . as $f
  | first(.dbs[] as $db | $f
      | if stale_why($db) != null then "\($db): \(stale_why($db))"
        elif .remote[$db].error == null and condition($db; $owner) == "lost" then "\($db): it was in the replica once, and now nothing is there"
        else empty end) // null;

# The owner object was read, elsewhere than the data, and says that this host may write here; the data cannot be reached.
def data_away($owner):
  [.remote[].error | select(. != null)] as $errors
  | data_unreadable($errors[0] | litestream_kind; $errors[0]; .) as $why
  | if .mark.error != null and .data != null then unreadable(.mark.error | litestream_kind; .mark.error; .)
    elif .data == null or marked == null or any($errors[]; litestream_kind | out_of_reach | not) then $why
    else
      # fenced or not: it is this host's again
      .lastOwner = { read: .now, owner: $owner } | .fenced = false
      | offline_because($why; offline_obstacle // behind_what_is_known($owner))
    end;

# ask "readable": is what the GET found worth remembering? Only a real owner object says who holds the app.
def readable:
  owner_read.kind as $kind
  | { do: (if $kind == "ok" then "readable" else "unreadable" end), code: $kind, text: "", next: "" };
