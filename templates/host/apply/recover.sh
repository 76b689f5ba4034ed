# What ran before an update, put back as a whole also where that, or the update, was cut off; read by apply.sh.
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the programs that source it

# A host that loses its power while files get their names would come up with a mixture of two releases. Until all have, a unit of this
# transaction's own puts back what was kept, at the next boot and before the app is started. Nothing but fsync is left to do for it in
# the stop: all that it needs is on disk by then.
recovery=streamside-recover-$id.service
step_prepare() { # N APP UNIT …
  [ ! -e "$payload/before" ] || recovers="${recovers-} $3"
}
prepare_recovery() {
  each roll step_prepare
  [ -n "${recovers-}" ] || return 0
  [ ! -e /var/lib/streamside/manifest ] || cp -- /var/lib/streamside/manifest "$payload/manifest-before"
  cat >"$payload/recovery" <<UNIT
# Written by streamside for as long as the transaction $id gives files their names.
[Unit]
Description=Puts back what streamside was replacing when this host lost its power
ConditionPathExists=$payload/switching
Before=${recovers# }

[Service]
Type=oneshot
WorkingDirectory=$payload
ExecStart=/bin/sh ./apply.sh $id recover
UNIT
  sync -- ./*.sh "$payload/steps" "$payload/recovery" "$payload/before"/* "$payload/before" "$payload"
}
arm_recovery() {
  [ -n "${recovers-}" ] || return 0
  : >"$payload/switching"
  mkdir -p /etc/systemd/system/multi-user.target.wants
  cp -- "$payload/recovery" "/etc/systemd/system/.$recovery"
  sync -- "/etc/systemd/system/.$recovery"
  mv -T -- "/etc/systemd/system/.$recovery" "/etc/systemd/system/$recovery"
  ln -sf "../$recovery" "/etc/systemd/system/multi-user.target.wants/$recovery"
  sync -- "$payload" /etc/systemd/system /etc/systemd/system/multi-user.target.wants
}
disarm_recovery() {
  [ -e "$payload/switching" ] || return 0
  rm -f -- "$payload/switching" "/etc/systemd/system/multi-user.target.wants/$recovery" "/etc/systemd/system/$recovery"
  sync -- "$payload" /etc/systemd/system/multi-user.target.wants
}

# At boot, when the program was killed, or when it cannot go on: the app is down.
recover() {
  step put-back 'it was cut off while files got their names'
  each keep put_any_back
  [ ! -s "$payload/manifest-before" ] || put_record "$payload/manifest-before" /var/lib/streamside/manifest
  disarm_recovery
  systemctl daemon-reload
}
put_any_back() { # N APP PATH USER
  back=$2
  put_one_back "$@"
}

put_one_back() { # N APP PATH USER
  [ "$2" = "$back" ] || return 0
  IFS="$tab" read -r kind what <"$payload/before/$1"
  beside "$1" "$3"
  case $kind in
    none) as "$4" rm -f -- "$3" ;;
    link)
      decode "$what"
      # it may lie there: of a try that was cut off
      ln -sfn -- "$decoded" "$temporary"
      mv -T -- "$temporary" "$3"
      ;;
    # gone: it was put back before this was cut off
    file)
      if as "$4" test -e "$temporary"; then
        # where it has not been replaced yet both are names of one file, and mv(1) refuses that
        as "$4" mv -T -- "$temporary" "$3" || as "$4" cmp -s -- "$temporary" "$3"
        as "$4" sync -- "${3%/*}"
      fi
      ;;
  esac
}
