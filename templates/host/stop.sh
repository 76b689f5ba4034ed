# How an orderly stop ends: the proof in the time there is, everything on disk, and `clean`, which says so.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the program that sources it

# $1: seconds for each sync; $2: true when Litestream is down too. The proof is asked for only while it runs.
leave_in_order() {
  proved=false unproven='Litestream does not run'
  if [ "$2" = true ]; then
    case $(remembered clean) in *'"proved":true'*) proved=true ;; esac
  else
    look_local
    proof "$1"
    unproven=$text
    if is held; then
      proved=true
      carry_over || :
      write_tip || :
      rescue_over
    fi
  fi
  each_db flush
  if [ "$storage" = ephemeral ] && [ "$proved" = false ] && [ "$2" = false ]; then rescue; fi
  look_left
  remember clean "{\"proved\":$proved,\"settled\":$2,\"files\":$keep}"
}
