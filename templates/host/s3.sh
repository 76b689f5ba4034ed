# Objects of a bucket, through curl: Debian 12's (7.88) signs S3 requests, conditional headers included.
# Needs: $etc/owner.curl (root only: region, keys, own CA), $owner_url, $work.
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

s3_get() { # NAME
  s3 GET "$owner_url/$1"
  tag=$(header etag) s3_code=
  [ "$http" = 200 ] || s3_code=$(error_code)
}

s3_put() { # NAME FILE absent|match|any [ETAG]
  object=$1 body=$2
  case $3 in
    absent) set -- -H 'If-None-Match: *' ;;
    match) set -- -H "If-Match: $4" ;;
    *) set -- ;;
  esac
  s3 PUT "$owner_url/$object" "$@" -H 'Content-Type: application/json' --data-binary "@$body"
  s3_code=$(error_code)
}

# ownership: emulate. GET, compare, PUT, GET again after 5 s: two writers within the same seconds are not told apart.
s3_emulated_put() { # NAME FILE match ETAG
  s3_get "$1"
  [ "$curl:$http" = 0:200 ] || return 0
  if [ "$tag" != "$4" ] && ! cmp -s "$work/body" "$2"; then http=412; return; fi
  s3_put "$1" "$2" any
  case $curl:$http in 0:2??) ;; *) return 0 ;; esac
  sleep 5
  s3_get "$1"
  if [ "$curl:$http" = 0:200 ] && ! cmp -s "$work/body" "$2"; then http=412; fi
}
