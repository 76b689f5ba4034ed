# The facts that every verdict starts from; sourced.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the program that sources it

exists() { if [ -e "$1" ]; then printf true; else printf false; fi; }

# running: the gate has let the app through, and it has not stopped since.
# Needs: $owner (get_owner), $files (look_local), $remote (look_remote, or null), $me. $began: when waiting began.
facts() {
  now=$(date +%s)
  printf '%s,"me":"%s","now":%s,"synchronised":%s,"waited":%s,"uuid":"%s","random":"%s","owner":%s,"local":%s,"remote":%s,"mark":%s' \
    "$static" "$me" "$now" "$(exists /run/systemd/timesync/synchronized)" "$((now - ${began:-now}))" \
    "$(cat /proc/sys/kernel/random/uuid)" "$(od -An -tx1 -N4 /dev/urandom | tr -d ' \n')" "$owner" "${files:-null}" "${remote:-null}" "${mark:-null}"
  printf ',"claim":%s,"tip":%s,"clean":%s,"started":%s,"lastOwner":%s,"lastData":%s,"restoring":%s,"fenced":%s,"rescue":%s,"once":%s,"running":%s' \
    "$(remembered claim)" "$(remembered tip)" "$(remembered clean)" "$(remembered started)" "$(remembered last-owner)" "$(remembered last-data)" \
    "$(exists "$state/restoring")" "$(exists "$state/fenced")" "$(exists "$state/rescue")" "$(exists "$run/offline-once/$app")" \
    "$(exists "$run/running/$app")"
}
