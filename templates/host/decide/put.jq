# The outcome of a PUT (ownership.md, "Unknown outcome"). A GET alone never decides: a delayed PUT may still land.
#
# ask "put": .put = { curl, http, s3, error } of the last attempt, .owner (a GET made after a 412) | null,
#   .mine = { write, path }, .claims: the path is one that nobody else can have made, .late: the deadline is over
# -> done, get (then ask again), repeat, lost, unknown
def put:
  (if .put.curl != 0 then "repeat"
   elif .put.http == 200 or .put.http == 204 then "done"
   elif .put.http == 412 then "get"
   # 501: the server has understood the condition and will never carry it out.
   elif .put.http == 409 or .put.http == 429 or (.put.http >= 500 and .put.http != 501) then "repeat"
   else "denied" end) as $answer
  | if $answer == "done" then { do: "done", code: "done", text: "", next: "" }
    elif $answer == "get" and .owner == null then { do: "get", code: "get", text: "", next: "" }
    elif $answer == "get" then
      owner_read as $read
      | if ($read | known | not) then
          if .late then { do: "unknown", code: "put-unknown", text: "whether the owner object was written is not known", next: "" } else { do: "get", code: "get", text: "", next: "" } end
        elif $read.kind == "ok" and ($read.owner.write == .mine.write or (.claims and $read.owner.path == .mine.path)) then { do: "done", code: "done", text: "", next: "" }
        else { do: "lost", code: "put-lost", text: "somebody else wrote the owner object first", next: "" } end
    elif $answer == "denied" and .doubt != true then
      { do: "lost", code: "put-denied", text: (if .store == "directory" then "the owner object cannot be written (\(.put.error))" else "the replica refused the write of the owner object (\(.put.http) \(.put.s3))" end),
        next: (if .store == "directory" then "mend what is mounted there: it has to be writable, with room, and with hard links"
               elif .put.http == 501 then "this server has no conditional writes any more: set ownership: of its replica in the inventory, then streamside provision"
               else "check that the keys may write to the bucket" end) }
    elif .late then { do: "unknown", code: "put-unknown", text: "no clear answer to the write of the owner object (\(.put.error // .put.http))", next: "it is tried again" }
    else { do: "repeat", code: "repeat", text: "", next: "" } end;
