# Files that are there, or may be, and that the app's user cannot read (barred.sh). Nothing is known of what they hold, so nothing is
# decided about them: taken for missing they would be set aside for what the replica has, with newer rows that it has not.
# .local[db].barred = null | { why, what: its path, owner: its owner's name }
def barred: . as $f | [.dbs[] | { db: ., by: $f.local[.].barred } | select(.by != null)];

def barred_text:
  { owner: "belongs to \(.owner), and the app's user cannot read it",
    way: "is a folder of \(.owner)'s that the app's user cannot enter",
    above: "is a folder of \(.owner)'s that the app's user cannot enter",
    mode: "is closed to its own user by its mode",
    error: "is there and cannot be read, as on a failing card",
    link: "is a link",
    folder: "is a folder where the file has to be",
    file: "is a file where a folder has to be" }[.why] // "is neither a file nor a folder";

def barred_next:
  "the app comes up by itself" as $itself
  | if .why == "owner" or .why == "way" then
      "run streamside provision: it gives the files of a database, and folders that it has made, back to the app's user, and warns of those that it leaves to you (chown -h them yourself); \($itself) afterwards"
    elif .why == "above" then
      "let others through it (chmod o+x \(.what)), or give the database another place in the inventory; \($itself) afterwards"
    elif .why == "mode" then "chmod u+rwX what is closed; \($itself) afterwards"
    elif .why == "error" then
      "see whether the card is failing (dmesg); put an intact copy in its place, or move it away, with its -wal and -shm, to have what the replica holds"
    elif .why == "link" then
      "see where it leads (is a disk not mounted?); put the file itself in its place, or write the way without the link into the inventory"
    else "move it away, or put the right one in its place" end;

def files_unreadable:
  barred as $barred
  | alarm("files-unreadable"; ($barred | map("\(.db): \(.by.what) \(.by | barred_text)") | join("; ")) + "; nothing is put in their place";
          $barred[0].by | barred_next);
