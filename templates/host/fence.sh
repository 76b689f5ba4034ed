# The fence: another host holds the app, and this one keeps its files and keeps quiet.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the program that sources it

# The app is down. What it had not uploaded goes into its own old path, which nobody else writes; then Litestream is killed,
# and `fenced` tells people and the gate.
fence_files() {
  sync=
  each_db sync_entry 20
  kill_litestream
  [ -e "$state/fenced" ] || remember fenced "{\"time\":\"$(date -u +%FT%TZ)\",\"text\":$(json "$text")}"
  alert fence "$code" "$text" "$next"
}
