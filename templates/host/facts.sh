# The facts that every verdict starts from; sourced.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the program that sources it

exists() { if [ -e "$1" ]; then printf true; else printf false; fi; }

# Needs: $owner (get_owner), $local (look_local), $remote (look_remote, or null), $me. $began: when waiting began.
facts() {
  now=$(date +%s)
  printf '%s,"me":"%s","now":%s,"synchronised":%s,"waited":%s,"uuid":"%s","random":"%s","owner":%s,"local":%s,"remote":%s' \
    "$static" "$me" "$now" "$(exists /run/systemd/timesync/synchronized)" "$((now - ${began:-now}))" \
    "$(cat /proc/sys/kernel/random/uuid)" "$(od -An -tx1 -N4 /dev/urandom | tr -d ' \n')" "$owner" "${local:-null}" "${remote:-null}"
  printf ',"claim":%s,"tip":%s,"clean":%s,"restoring":%s,"fenced":%s,"lastOwner":%s,"running":%s' \
    "$(remembered claim)" "$(remembered tip)" "$(remembered clean)" "$(exists "$state/restoring")" "$(exists "$state/fenced")" \
    "$(remembered last-owner)" "$(app_runs)"
}

# The app may write: it runs, or is on its way up or down after its gate has let it through.
app_runs() {
  if [ -e "$run/running/$app" ]; then printf true; else printf false; fi
}
