# Litestream's unit, as the gate and the timer start and end it.
# shellcheck shell=sh disable=SC2154 # variables are shared with the program that sources it

# SIGKILL, not a stop: a clean shutdown of Litestream checkpoints and uploads, and this path may not be ours any more.
# It stays down because its check waits for the lock that is held here.
kill_litestream() {
  systemctl kill --signal=SIGKILL "$app-litestream.service" 2>/dev/null || :
  systemctl stop "$app-litestream.service" 2>/dev/null || :
}

# `start` leaves a unit that waits for its next try to wait on (systemd: EAGAIN until the timer fires); `restart` does not.
# The lock must not be held: Litestream's check takes it.
start_litestream() { # [--no-block]
  case $(systemctl show -P SubState "$app-litestream.service") in
    running) ;;
    auto-restart) systemctl restart "$@" "$app-litestream.service" ;;
    *) systemctl start "$@" "$app-litestream.service" ;;
  esac
}
