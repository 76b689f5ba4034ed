# Step 4: may this be restored, and is what was restored what it had to be?
#
# ask "source": .order (the gate's decision: source, dbs), .tip (local), .sourceTip = { http, dbs } (tip.json of the source),
#   .plans[db] = { rc, max, error } (`restore -dry-run`) -> restore, with the least txid of each database; or refuse
# ask "restored": .order, .need (the decision "restore"), .restored[db] = { rc, txid, error } -> install or refuse

def source_text: "the replica's copy of \(.app) under \(.order.source)";

def needed($db):
  .order.dbs[$db] as $ordered
  | [ if $ordered == "latest" then zero else $ordered end,
      if .sourceTip.dbs[$db] != null and $ordered == "latest" then .sourceTip.dbs[$db] else zero end,
      if .tip.path == .order.source and $ordered == "latest" then .tip.dbs[$db] // zero else zero end ] | max;

def another_point($best; $db):
  if $best == null then ", or run streamside provision --new-history \(.app)"
  else ", or run streamside restore \(.host) --at \($best), the best point of \($db)" end;

def untouched: "the files here are untouched";

def source:
  . as $f
  | [.order.dbs | keys[] | { key: ., value: (. as $db | $f | needed($db)) }] as $need
  | [.order.dbs | keys[] as $db | select($f.plans[$db].rc != 0) | $db] as $failed
  | [$need[] | select($f.plans[.key].max < .value) | .key] as $short
  | if .sourceTip.error != null then
      refuse("replica-error"; "tip.json of \(.order.source) could not be read (\(.sourceTip.error))"; "look at the server; the app comes up by itself once it answers")
    elif $failed != [] then
      $failed[0] as $db
      | alarm("chain-broken"; "\(source_text) cannot be restored: \($db): \(.plans[$db].error); \(untouched)";
              "bring the missing objects back" + another_point(.plans[$db].best; $db))
    elif $short != [] then
      $short[0] as $db
      | alarm("chain-short"; "\(source_text) ends at \(.plans[$db].max) for \($db), and \($need | from_entries[$db]) had been proven: its newest objects are gone; \(untouched)";
              "bring them back" + another_point(.plans[$db].max; $db))
    else
      { do: "restore", code: "restore", text: .order.text, next: "",
        need: ($need | from_entries), dbs: .order.dbs }
    end;

def not_enough($db):
  .order.dbs[$db] as $ordered | .restored[$db].txid as $txid
  | ($txid | is_txid | not) or $txid < .need.need[$db] or ($ordered != "latest" and $txid != $ordered);

def restored:
  . as $f
  | [.order.dbs | keys[] as $db | select($f.restored[$db].rc != 0) | $db] as $failed
  | [.order.dbs | keys[] as $db | select($f | not_enough($db)) | $db] as $short
  | if $failed != [] then
      $failed[0] as $db
      | alarm("restore-failed"; "\(source_text) could not be restored: \($db): \(.restored[$db].error); \(untouched)";
              "bring the damaged objects back" + another_point(.restored[$db].best; $db))
    elif $short != [] then
      $short[0] as $db
      | alarm("chain-short"; "\($db) was restored to \(.restored[$db].txid) and \(.need.need[$db]) was needed; \(untouched)";
              "bring the newest objects back" + another_point(.restored[$db].txid; $db))
    else
      { do: "install", code: "restored", text: "restored from \(.order.source): \([.restored | to_entries[] | "\(.key) at \(.value.txid)"] | join(", "))", next: "",
        dbs: .order.dbs,
        claim: { path: .order.path, epoch: .order.epoch, id: .me, restored: (.restored | map_values(.txid)), source: .order.source, proven: (.order.source == .order.path) } }
    end;
