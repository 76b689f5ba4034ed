# How an app is asked whether it is well; read by apply.sh, and by serving.sh on the other hosts of an app.
# shellcheck shell=sh disable=SC2154 # variables are shared with the programs that source it

state_of() { # UNIT -> ActiveState/SubState
  systemctl show --property=ActiveState --property=SubState --value "$1" | tr '\n' '/' | sed 's,/$,,'
}

# $app_unit: the unit, for one without a check of its own
healthy() { # KIND ARGUMENTS…
  kind=$1; shift
  case $kind in
    http) curl --silent --show-error --fail --max-time 5 --noproxy '*' --output /dev/null --url "$1" ;;
    # exit 49 (a telnet option) and 28 (still open at the end of the time) both mean: something accepted the connection
    tcp) curl --silent --connect-timeout 2 --max-time 2 --noproxy '*' "telnet://$1:$2" </dev/null >/dev/null || [ $? -eq 28 ] ;;
    command) user=$1 folder=$2; shift 2; timeout -k 2 10 runuser -u "$user" -- env -C "$folder" "$@" >/dev/null ;;
    once) ;;
    as-before) healthy_by "$app_unit" "$1" ;;
    none) sleep 1; case $(state_of "$app_unit") in active/*) ;; *) false ;; esac ;;
  esac
}

# By a check that was kept in a file, its arguments ended by NULs each: of what runs, or ran, and not of what the inventory has now.
healthy_by() { # UNIT FILE
  # shellcheck disable=SC2016 # expanded by that shell
  xargs -0 sh -c '. ./healthy.sh; app_unit=$1; shift; healthy "$@"' sh "$1" <"$2"
}
