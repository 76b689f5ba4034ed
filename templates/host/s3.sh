# The owner object and tip.json, through curl: Debian 12's (7.88) signs S3 requests, conditional headers included.
# Needs: $etc/owner.curl (root only: region, keys, own CA), $owner_url, $work, ask (verdict.sh).
# shellcheck shell=sh disable=SC2154,SC2034 # variables are shared with the program that sources it

# One request. Keys come from a file, never through argv. Sets $curl (exit code), $http; body and headers in $work.
s3() { # METHOD URL [curl's arguments…]
  method=$1 url=$2
  shift 2
  : >"$work/headers"
  : >"$work/body"
  curl=0
  # UNSIGNED-PAYLOAD: the servers' checksum header that every S3 server takes, over http and https alike
  http=$(curl -sS -K "$etc/owner.curl" -X "$method" --connect-timeout 5 --max-time 5 --max-filesize 1048576 \
    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -D "$work/headers" -o "$work/body" -w '%{http_code}' "$@" -- "$url" \
    2>"$work/curl-error") || curl=$?
  http=$((1$http - 1000)) # 000 without an answer
}

header() { # NAME (lower case) -> its last value
  tr -d '\r' <"$work/headers" | awk -v name="$1" 'tolower(substr($0, 1, length(name) + 1)) == name ":" {
    value = substr($0, length(name) + 2); sub(/^ */, "", value) } END { printf "%s", value }'
}

error_code() { sed -n 's/.*<Code>\([A-Za-z0-9]*\)<\/Code>.*/\1/p' "$work/body" | head -n 1; }

# What a GET of the owner object found, as facts: -> $owner. Three tries, for a lost packet is no verdict.
get_owner() { # TRIES
  tries=$1
  while :; do
    s3 GET "$owner_url/owner.json"
    tries=$((tries - 1))
    case $curl:$http in 0:5??) ;; 0:*) break ;; esac
    [ "$tries" -gt 0 ] || break
    sleep 1
  done
  now=$(date +%s)
  date=$(header date)
  if [ -n "$date" ]; then date=$(date -d "$date" +%s 2>/dev/null) || date=; fi
  code=
  [ "$http" = 200 ] || code=$(error_code)
  owner=$(printf '{"curl":%s,"http":%s,"s3":"%s","error":%s,"etag":%s,"date":%s,"at":%s,"body":%s}' \
    "$curl" "$http" "$code" "$(json "$(head -n 1 "$work/curl-error")")" "$(json "$(header etag)")" "${date:-null}" "$now" \
    "$(if [ "$curl:$http" = 0:200 ]; then json "$(cat "$work/body")"; else printf null; fi)")
}

# The high-water mark of a path. -> $source_tip: null, { body } or { error }
get_tip() { # PATH -> $source_tip
  s3 GET "$owner_url/$1/tip.json"
  case $curl:$http in
    0:200) source_tip="{\"body\":$(json "$(cat "$work/body")")}" ;;
    0:404) source_tip=null ;;
    *) source_tip="{\"error\":$(json "$(head -n 1 "$work/curl-error") $http $(error_code)")}" ;;
  esac
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
    put_once
    attempt=$(printf '{"curl":%s,"http":%s,"s3":"%s","error":%s}' "$curl" "$http" "$(error_code)" "$(json "$(head -n 1 "$work/curl-error")")")
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

put_once() {
  if [ "$owner_mode" = conditional ]; then
    s3 PUT "$owner_url/owner.json" -H "If-Match: $match" -H 'Content-Type: application/json' --data-binary "@$work/owner.new"
    return
  fi
  # ownership: emulate. GET, compare, PUT, GET again after 5 s: two writers within the same seconds are not told apart.
  s3 GET "$owner_url/owner.json"
  [ "$curl:$http" = 0:200 ] || return 0
  if [ "$(header etag)" != "$match" ] && ! cmp -s "$work/body" "$work/owner.new"; then http=412; return; fi
  s3 PUT "$owner_url/owner.json" -H 'Content-Type: application/json' --data-binary "@$work/owner.new"
  case $curl:$http in 0:2??) ;; *) return 0 ;; esac
  sleep 5
  s3 GET "$owner_url/owner.json"
  if [ "$curl:$http" = 0:200 ] && ! cmp -s "$work/body" "$work/owner.new"; then http=412; fi
}
