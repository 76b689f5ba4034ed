# Step 5 of the gate: the owner object could not be read. An app may start on its own files, for its own writes go on under
# its own path; never on files of which the last thing known is that they are not the current ones.
#
# .lastOwner = { read: epoch s, owner: the owner object } | null; .policy = { unreachable: "start" | "wait",
#   limit: s, ephemeral: bool }; .once: ordered by `start APP --offline`

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

# The age counts only against a synchronised clock: a machine without a battery clock boots in the past.
def offline_age: if .synchronised and .lastOwner != null then .now - .lastOwner.read else 0 end;

# The owner object was read since, and says so: from here on the app writes.
def as_proven($f): if $f.claim.proven then . else . + { claim: ($f.claim | .proven = true) } end;

def offline($read):
  . as $f
  | unread($read; $f) as $why
  | offline_obstacle as $obstacle
  # No matter of the replica's: they hold the app back with it, too.
  | if barred != [] then files_unreadable
    elif $obstacle != null then
      $why | .text += "; and it cannot start without the replica: \($obstacle)"
    elif .once then
      start("offline-once"; "\($why.text); started without the replica, as ordered once") | as_proven($f)
    elif .policy.unreachable == "wait" then
      $why | .text += "; when-replica-unreachable: wait" | .next += ", or run streamside start \($f.app) --offline for one start without it"
    elif offline_age > .policy.limit then
      $why | .code = "offline-limit" | .text += "; it was last read \(($f | offline_age) / 3600 | floor) h ago, and offline-limit is \($f.policy.limit / 3600 | floor) h"
           | .next += "; raise offline-limit, or run streamside start \($f.app) --offline for one start without it"
    else
      start("offline"; "\($why.text); the files here are this host's own, and current as far as it knows") | as_proven($f)
    end;

# ask "readable": is what the GET found worth remembering? Only a real owner object says who holds the app.
def readable:
  owner_read.kind as $kind
  | { do: (if $kind == "ok" then "readable" else "unreadable" end), code: $kind, text: "", next: "" };
