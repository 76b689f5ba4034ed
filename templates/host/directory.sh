# The objects of a replica in a directory, through objects.sh, which runs as the app's user.
# Needs: $replica_root, $owner_url (the folder of the app), $work, as_app (replica.sh).
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the program that sources it

# Sets $curl, $http, $s3_code, $tag, as a request to a bucket does; body in $work/body, words in $work/curl-error.
directory() { # VERB NAME ARG…   (stdin: the body of a PUT)
  curl=0 http=0 s3_code='' tag='' outcome=0 asked=$1 object=${owner_url#"$replica_root"/}/$2
  shift 2
  : >"$work/headers"
  # a server that is away stops whoever asks it, and not all of that can be killed at once
  as_app timeout -k 2 10 sh "$lib/objects.sh" "$replica_root" "$asked" "$object" "$@" >"$work/answer" 2>"$work/curl-error" || outcome=$?
  case $outcome in
    0) ;;
    124 | 137) curl=28; echo 'no answer in time' >"$work/curl-error" ;;
    *) curl=7 ;;
  esac
  # Printed by a program of the app's user: only what it prints is taken.
  if [ "$curl" = 0 ]; then
    IFS=' ' read -r http s3_code tag <"$work/answer" || :
    case $http in 0) curl=7 ;; [1-5][0-9][0-9]) ;; *) curl=7 http=0 s3_code='' ;; esac
    case $s3_code in *[!A-Za-z]*) s3_code= ;; esac
    case $tag in *[!0-9]*) tag= ;; esac
  fi
  tail -n +2 "$work/answer" >"$work/body"
}

# What Litestream finds in the bare directory below is no answer: "nothing there" least of all.
still_mounted() {
  [ "$owner_mode" = directory ] || return 0
  directory there '' </dev/null
  [ "$curl:$http" = 0:200 ]
}
not_mounted() { printf 'not mounted: %s' "$(head -n 1 "$work/curl-error")"; }
