# The owner object and tip.json, wherever they lie: a bucket (s3.sh) or a directory (directory.sh).
# Needs: one of the two as $owner_mode says, $work, ask (verdict.sh).
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the program that sources it

# One try each. Sets $curl (exit code; 28 a time-out), $http, $s3_code (of an error) and $tag (its etag); body in $work/body.
object_get() { # NAME, below the app's folder
  case $owner_mode in
    directory) directory get "$1" </dev/null ;;
    *) s3_get "$1" ;;
  esac
}
object_put() { # NAME FILE absent|match|any [ETAG]
  case $owner_mode:$3 in
    directory:any) directory replace "$1" <"$2" ;;
    directory:*) directory put "$1" "$3" "${4-}" <"$2" ;;
    conditional:* | *:any) s3_put "$@" ;;
    *) s3_emulated_put "$@" ;;
  esac
}

# curl's own, without its milliseconds: what has one cause reads the same of each app.
first_words() { sed -n '1{ s/ after [0-9]* \(ms\|milliseconds\)//; p; }' "$1"; } # FILE

# What a GET of the owner object found, as facts: -> $owner. Three tries, for a lost packet is no verdict.
get_owner() { # TRIES
  tries=$1
  while :; do
    object_get owner.json
    tries=$((tries - 1))
    case $curl:$http:$s3_code in 0:5??:*) ;; 0:* | *:NotMounted) break ;; esac
    [ "$tries" -gt 0 ] || break
    sleep 1
  done
  now=$(date +%s)
  date=$(epoch_of date)
  owner=$(printf '{"curl":%s,"http":%s,"s3":"%s","error":%s,"etag":%s,"date":%s,"at":%s,"body":%s}' \
    "$curl" "$http" "$s3_code" "$(json "$(first_words "$work/curl-error")")" "$(json "$tag")" "${date:-null}" "$now" \
    "$(if [ "$curl:$http" = 0:200 ]; then json "$(cat "$work/body")"; else printf null; fi)")
}

# The high-water mark of a path. -> $source_tip: null, { body } or { error }
get_tip() { # PATH -> $source_tip
  object_get "$1/tip.json"
  case $curl:$http in
    0:200) source_tip="{\"body\":$(json "$(cat "$work/body")")}" ;;
    0:404) source_tip=null ;;
    *) source_tip="{\"error\":$(json "$(first_words "$work/curl-error") $http $s3_code")}" ;;
  esac
}

# When an object was written, and what time it is now, both by the clock of whoever keeps it. -> $times: { modified, now }, or null
object_times() { # NAME
  times=null
  case $owner_mode in
    directory) directory stat "$1" </dev/null; modified=$tag there=$(date +%s) ;;
    *) s3_get "$1"; modified=$(epoch_of last-modified) there=$(epoch_of date) ;;
  esac
  case $curl:$http:$modified:$there in 0:200:?*:?*) times="{\"modified\":$modified,\"now\":$there}" ;; esac
}
epoch_of() { # HEADER -> epoch s, nothing for none
  moment=$(header "$1")
  [ -z "$moment" ] || date -d "$moment" +%s 2>/dev/null || :
}

# Remembers what was read: step 5 of the gate starts on the strength of it. Not at each time, for a card wears out.
remember_owner() {
  [ "$curl:$http" = 0:200 ] || return 0
  # of what is no owner object nothing is learnt
  ask "{\"ask\":\"readable\",$static,\"owner\":$owner}"
  [ "$act" = readable ] || return 0
  fresh=$(printf '{"read":%s,"owner":%s}' "$now" "$(tr '\n' ' ' <"$work/body")")
  if [ -s "$state/last-owner" ] && [ -z "$(find "$state/last-owner" -mmin +15)" ] &&
    [ "$(sed 's/^{"read":[0-9]*,//' "$state/last-owner")" = "${fresh#*,}" ]; then return 0; fi
  remember last-owner "$fresh"
}

# PUT of the owner object under If-Match, until the outcome is known. 0 = written, 1 = not ($text, $next say why).
put_owner() { # BODY ETAG CLAIMS(true|false) SECONDS
  printf '%s\n' "$1" >"$work/owner.new"
  wanted=$1 match=$2 claims=$3 doubt=false pause=1
  end=$(($(date +%s) + $4))
  while :; do
    object_put owner.json "$work/owner.new" match "$match"
    attempt=$(printf '{"curl":%s,"http":%s,"s3":"%s","error":%s}' "$curl" "$http" "$s3_code" "$(json "$(first_words "$work/curl-error")")")
    seen=null
    while :; do
      late=false
      [ "$(date +%s)" -lt "$end" ] || late=true
      ask "$(printf '{"ask":"put",%s,"put":%s,"owner":%s,"mine":%s,"claims":%s,"late":%s,"doubt":%s,"now":%s}' \
        "$static" "$attempt" "$seen" "$wanted" "$claims" "$late" "$doubt" "$(date +%s)")"
      [ "$act" = get ] || break
      get_owner 1
      seen=$owner
    done
    case $act in
      done) return 0 ;;
      repeat) doubt=true; sleep "$pause"; pause=$((pause < 4 ? pause * 2 : 4)) ;;
      *) return 1 ;;
    esac
  done
}
