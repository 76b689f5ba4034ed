# RELEASE (ownership.md): the holder lets go of an app that was stopped on order, for its data to be taken up elsewhere, or never.
#
# ask "release": .owner and .claim as everywhere, .me, .held: the proof of litestream.md, rule 8, holds for all databases,
#   .why: why not, .tip: { db: txid } that it held for, .local, .clean
# -> release (`put`, under `etag`: carry it out), gone (nothing here is this host's to let go), refuse
def released($tip; $f):
  .write = $f.uuid
  # one that this path never held ends before its first transaction: an upload that comes late is a split
  | with_past({ path: .path, host: .holder.host, end: (.dbs | map_values(zero) + $tip) })
  | .holder = null;

def not_ours($text): { do: "gone", code: "not-held", text: $text, next: "" };

def release:
  . as $f | owner_read as $read
  | if .claim == null then not_ours("\(.app) has never started here")
    elif $read.kind == "absent" then not_ours("there is no owner object of \(.app) at \(.where)")
    elif $read.kind != "ok" then unread($read; $f)
    else
      $read.owner as $owner
      | [.dbs[] | select($owner.dbs[.].init == true and ($f.local[.].file | not) and $f.clean.proved != true)] as $gone
      | if $owner.holder == null then not_ours("\(.app) is released already")
        elif $owner.holder.id != .me then not_ours("\($owner.holder.host) holds \(.app)")
        elif $owner.from != null or $owner.path != .claim.path then
          refuse("restore-under-way"; "\(.app) is being restored"; "run this again when it has started")
        elif .held | not then
          refuse("not-proven"; "it is not proven that the replica holds all data of \(.app): \(.why)"; "mend that, or leave the app in the inventory")
        # The proof has nothing to say of a file that is not there, and what its path holds would be taken for a split later on.
        elif $gone != [] then
          refuse("not-proven"; "\($gone | join(", ")) of \(.app) is in the replica, and no file is here: up to where it was written is not known"; "start \(.app), which restores it, then run this again; or leave the app in the inventory")
        elif any($owner.dbs | keys[]; . as $db | $f.local[$db].file and ($f.tip[$db] | not)) then
          refuse("not-proven"; "it is not proven that the replica holds all databases of \(.app)"; "mend that, or leave the app in the inventory")
        else
          { do: "release", code: "released", text: "\(.app) is released: the replica holds everything", next: "",
            etag: .owner.etag, put: ($owner | released($f.tip // {}; $f)) }
        end
    end;
