# Every verdict about who may write a database, and on what content an app may start. Pure: one JSON object of facts a line
# in, one decision a line out. The hosts' programs and the model (test/model) run this same program.
#
# `ask` names the question; each file lists the facts it reads and the decisions it gives. Every decision has
#   do     what is to be done next
#   code   a stable name
#   text   what was found, for people
#   next   what they can do (empty when nothing is needed)
# form json: the decision as JSON. form lines: for a shell to read without another process, one line each of do, code, text,
# next, the names of what is true in it, etag, path, source, the objects claim, put, tip and keep, the decision as JSON; then one
# line for each database: what `dbs` says about it, or -.
def decision:
  if   .ask == "gate"     then but_not_on_short_files(gate)
  elif .ask == "source"   then source
  elif .ask == "restored" then restored
  elif .ask == "proof"    then proof
  elif .ask == "release"  then release
  elif .ask == "put"      then put
  elif .ask == "unit"     then unit
  elif .ask == "timer"    then timer
  elif .ask == "data"     then data
  elif .ask == "past"     then past
  elif .ask == "watch"    then watch
  elif .ask == "left"     then left
  elif .ask == "config"   then config
  elif .ask == "readable" then readable
  else error("decide.jq does not know the question \(.ask)") end;

# The same words for both kinds of places, but for what it is called.
def in_its_words: if .store == "directory" then (decision | (.text, .next) |= gsub("the bucket"; "the directory")) else decision end;

# A line is a line: what comes from a server may hold anything.
def one_line: explode | map(if . < 32 or . == 127 then 32 else . end) | implode;

def lines:
  .do, .code, (.text | one_line), (.next | one_line),
  ([to_entries[] | select(.value == true) | .key] | join(" ")),
  (.etag // "" | one_line), (.path // "" | one_line), (.source // "" | one_line),
  (.claim | tojson), (.put | tojson), (.tip | tojson), (.keep | tojson), tojson;

# A shell waits for its lines: facts that cannot be judged (a file of ours cut short, say) must not leave it waiting.
def judged:
  . as $facts
  | in_its_words
  | if $form == "json" then tojson
    elif .do == "config" then .lines[]
    elif .do == "watch" then (.alerts | length), (.alerts[] | .code, .about, (.text | one_line), (.next | one_line)), (.over | join(" "))
    else lines, (.dbs as $dbs | $facts.dbs[]? | $dbs[.] // "-" | tostring | one_line) end;

# jq 1.6 (Debian 12) does not end at halt_error while its input stays open: whoever asked is told in a line of its own, for an
# answer that never comes would let the next one be taken for it.
(try ([fromjson | judged] | if . == [] then error("no verdict") elif $form == "json" and length > 1 then error("\(length) verdicts") else . end)
 catch ([if $form == "lines" then "!" + (tostring | one_line) else { error: tostring } | tojson end], ("\(.)\n" | halt_error(1)))) | .[]
