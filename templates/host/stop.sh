# How an orderly stop ends: everything on disk, the proof in the time there is, and `clean`, which says so.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the program that sources it

# The app has stopped, and Litestream runs on or not. `clean` comes first: systemd may end this at any moment.
leave_in_order() { # SECONDS-FOR-EACH-SYNC
  proved=false
  left false
  look_local
  get_owner 1
  if [ "$curl:$http" = 0:200 ] && [ -n "$data_where" ] && ! reached; then
    # systemd would end this before what is kept of ephemeral storage is written
    unproven="$data_where cannot be reached ($unreached)"
  elif [ "$curl:$http" = 0:200 ]; then
    proof "$1"
    unproven=$text
    ! is held || proved=true
  else
    # not asked any further: Litestream takes minutes to give up on a server that is away
    unproven="$where cannot be read"
  fi
  if [ "$proved" = true ]; then
    carry_over || :
    write_tip || :
    proved=true
    left false
    rescue_over
  elif [ "$storage" = ephemeral ]; then
    rescue
  fi
}

# Litestream has stopped too: from here on nobody of ours writes.
leave_settled() {
  proved=false
  case $(remembered clean) in *'"proved":true'*) proved=true ;; esac
  left true
}

left() { # SETTLED
  each_db flush
  look_left
  remember clean "{\"proved\":$proved,\"settled\":$1,\"files\":$keep}"
}
