# Accounts, releases and files of a host transaction; read by apply.sh.
# shellcheck shell=sh disable=SC2154

staged=$transaction/staged
: >>"$staged"

# A name that an app which was broken into cannot guess (the transaction's id is random), and a short one: the name of what
# it is to become may be as long as a file system takes.
beside() { # N PATH -> $temporary, where step N lays the successor of PATH
  temporary=${2%/*}/.streamside-$id.$1
}

# What lies below an app's own folders is written as the app's user: root following a path that the app controls would
# let an app that was broken into choose where root writes. It may also stop what runs as its own user: hence the limit.
as() { # USER COMMAND…
  user=$1; shift
  if [ "$user" = root ]; then "$@"; else
    timeout -k 5 300 setpriv --reuid "$user" --regid "$user" --clear-groups --bounding-set=-all --no-new-privs -- "$@"
  fi
}

discard_staged() { # LIST
  while IFS="$tab" read -r temporary _ user _; do
    decode "$temporary"
    as "$user" rm -rf -- "$decoded" || :
  done <"$1"
}

clean_after_interrupted() {
  for other in /var/lib/streamside/transactions/*/; do
    other=${other%/}
    [ "$other" != "$transaction" ] || continue
    # with an end and yet a payload: it was cut off while it took that away
    if [ -e "$other/payload" ] || ! grep -q "^end$tab" "$other/journal"; then
      step clean "what the interrupted transaction ${other##*/} left"
      # nobody has done it: not at a boot, nor when its program was killed
      [ ! -e "$other/payload/switching" ] && [ ! -e "$other/drained" ] || (cd "$other/payload" && sh ./apply.sh "${other##*/}" recover) || :
      rm -f -- "/etc/systemd/system/multi-user.target.wants/streamside-recover-${other##*/}.service" "/etc/systemd/system/streamside-recover-${other##*/}.service" "/etc/systemd/system/.streamside-recover-${other##*/}.service"
      # a copy of a database, of a restart that was killed while it was proven
      find /var/tmp -maxdepth 1 -name 'streamside-*.beside.*' -exec rm -rf -- {} + || :
      [ ! -e "$other/staged" ] || discard_staged "$other/staged"
      rm -rf -- "$other/payload"
      printf 'end\tcut\n' >>"$other/journal"
      : >"$other/told"
    fi
  done
}

# The digests that the plan was made from: a host that has moved since gets a new plan, not this one.
step_expect() { # N PATH SHA256|- AS
  now=-
  if [ "$4" != root ]; then expect_as "$4" "$2" "$3"
  elif [ -h "$2" ]; then now=link:$(readlink -n -- "$2" | sha256sum | cut -c1-64)
  elif [ -f "$2" ]; then now=$(sha256sum <"$2" | cut -c1-64)
  elif [ -e "$2" ]; then now=other; fi
  [ "$now" = "$3" ] || overtaken "$2 has changed since the plan was made"
}

# By another run, as a rule, which has begun and ended since this one looked: then whose it was is told.
overtaken() { # TEXT
  seen_at=$(cat "$payload/seen-at")
  for journal in /var/lib/streamside/transactions/*/journal; do
    other=${journal%/*}
    if [ "$other" = "$transaction" ] || [ "$(stat -c %Y -- "$journal" 2>/dev/null || echo 0)" -lt "$seen_at" ]; then continue; fi
    fail 10 overtaken "$1: ${other##*/} of $(cat "$other/who" 2>/dev/null || echo somebody) has been at work here since"
  done
  fail 10 host-moved "$1"
}

# -> $now, as the probe saw it, also of an account that is made later in this transaction
expect_as() { # USER PATH SHA256
  printf '0\t%s\t0\t%s\n' "$3" "$(encode "$2")" | look_own "$1" "$payload/own"
  seen=$(head -n 1 "$payload/own")
  kind=$(printf '%s' "$seen" | cut -f3)
  case $kind in
    none) now=- ;;
    link) now=link:$(printf '%s' "$seen" | cut -f4 | base64 -d | sha256sum | cut -c1-64) ;;
    stat) now=$(printf '%s' "$seen" | cut -f9); [ "$now" != - ] || now=other ;;
    *) now=unknown ;;
  esac
}

step_user() { # N NAME UID GID HOME
  step user "$2"
  if ! getent group "$2" >/dev/null; then groupadd --system --gid "$4" -- "$2" || fail 1 user "groupadd $2 with gid $4 failed"; fi
  if ! getent passwd "$2" >/dev/null; then
    useradd --system --uid "$3" --gid "$4" --home-dir "$5" --no-create-home --shell /usr/sbin/nologin -- "$2" ||
      fail 1 user "useradd $2 with uid $3 failed"
  fi
  record made "$1"
}

step_directory() { # N PATH MODE OWNER GROUP AS
  if ! as "$6" test -d "$2"; then as "$6" mkdir -p -m "$3" -- "$2" || in_the_way "the folder $2 cannot be made by $6"
  elif [ "$6" != root ]; then own_folder "$2" "$4:$5"; fi
  # five digits: of a folder, four leave a setgid bit as it is
  as "$6" chmod "0$3" -- "$2" || in_the_way "the mode of the folder $2 cannot be changed by $6"
  if [ "$6" = root ]; then chown -h -- "$4:$5" "$2"
  else as "$6" chgrp -- "$5" "$2" || in_the_way "the group of the folder $2 cannot be changed by $6"; fi
  record made "$1"
}

in_the_way() { # TEXT
  fail 13 in-the-way "$1: $(last_lines 1)"
}

free_or_fail() { # PATH BYTES WHAT
  place=$1
  while [ ! -d "$place" ]; do place=${place%/*}; place=${place:-/}; done
  free=$(df -k --output=avail "$place" | tail -n 1)
  [ "$free" -gt $(($2 / 1024 + 16384)) ] || fail 12 disk-full "$3 needs $(($2 / 1024)) KiB in $place and 16 MiB to spare; ${free# } KiB are free"
}

step_binary() { # N PATH MODE SHA256
  step binary "$2"
  member=$payload/members/$1
  free_or_fail "$2" "$(stat -c %s "$member")" "$2"
  mkdir -p -- "${2%/*}"
  chmod 0755 "${2%/*}"
  beside "$1" "$2"
  printf '%s\t-\troot\n' "$temporary" >>"$staged"
  cp -- "$member" "$temporary"
  [ "$(sha256sum <"$temporary" | cut -c1-64)" = "$4" ] || fail 13 digest "$2 arrived with another sha256 than $4"
  chmod "$3" "$temporary"
  sync -- "$temporary"
  mv -T -- "$temporary" "$2"
  sync -- "${2%/*}"
  record made "$1"
}

step_release() { # N PATH DIGEST BYTES
  step release "$2"
  free_or_fail "$2" "$4" "the release"
  mkdir -p -- "${2%/*}"
  chmod 0755 "${2%/*}" "${2%/*/*}"
  beside "$1" "$2"
  printf '%s\t-\troot\n' "$temporary" >>"$staged"
  mkdir -m 0755 -- "$temporary"
  # the tar is the operator's own canonical one: sorted, no owners, no links that lead out
  tar -x -f "$payload/members/$1" -C "$temporary" --no-same-owner --same-permissions ||
    fail 13 release-damaged "the release does not unpack: $(last_lines 3)"
  # tar knows nothing of the content of its members: a byte that a cache or a memory has turned would go on to serve people
  [ ! -s "$payload/members/$1.sums" ] ||
    (cd "$temporary" && sha256sum --quiet --strict --check "$payload/members/$1.sums") >"$payload/said" 2>/dev/null ||
    fail 13 release-damaged "the release has arrived with other content than it was packed with: $(sed -n 's/: FAILED.*//p' "$payload/said" | head -n 3 | tr '\n' ' ')"
  sync -f -- "$temporary"
  damaged=
  if [ -e "$2" ]; then damaged=$2.damaged-$id; mv -T -- "$2" "$damaged"; fi
  mv -T -- "$temporary" "$2"
  sync -- "${2%/*}"
  [ -z "$damaged" ] || rm -rf -- "$damaged"
  record made "$1"
}

# Every tree of the plan is named, and the releases of before that may still be there, so that what is gone goes from the record.
: >"$payload/signatures"
step_signature() { # N PATH DIGEST STAT|- CONTENT|-
  [ -e "$2" ] || return 0
  stat=$4 content=$5
  if [ "$stat" = - ]; then stat=$(stat_signature "$2"); content=$(content_signature "$2"); fi
  printf '%s\t%s\t%s\t%s\n' "$stat" "$content" "$3" "$(encode "$2")" >>"$payload/signatures"
}

# As soon as the trees lie: what fails later must not have them sent again. Nor those that it leaves in use: they keep their
# signatures until the others have taken their place.
record_signatures() {
  grep -q "^signature$tab" "$payload/steps" || return 0
  cp -- "$payload/signatures" "$payload/all-signatures"
  [ ! -s /var/lib/streamside/signatures ] ||
    awk -F '\t' 'FILENAME == ARGV[1] { named[$4]; next } !($4 in named)' "$payload/signatures" /var/lib/streamside/signatures >>"$payload/all-signatures"
  put_record "$payload/all-signatures" /var/lib/streamside/signatures
}

forget_signatures() {
  ! grep -q "^signature$tab" "$payload/steps" || put_record "$payload/signatures" /var/lib/streamside/signatures
}

stage_file() { # N PATH MODE OWNER GROUP AS VALIDATE
  beside "$1" "$2"
  printf '%s\t%s\t%s\t%s\t%s\n' "$(encode "$temporary")" "$(encode "$2")" "$6" "$7" "$1" >>"$staged"
  as "$6" mkdir -p -m 0755 -- "${2%/*}" || in_the_way "the folder of $2 cannot be made by $6"
  # shellcheck disable=SC2016 # $1 is that shell's
  as "$6" sh -c 'umask 077; cat >"$1"' sh "$temporary" <"$payload/members/$1" || fail 12 write "$2 could not be written: $(last_lines 1)"
  [ "$6" != root ] || chown -- "$4:$5" "$temporary"
  as "$6" chmod "$3" -- "$temporary"
  as "$6" sync -- "$temporary"
}

encode() { # TEXT, printable again by printf %b
  case $1 in
    *\\* | *"$tab"* | *"
"*) printf '%s_' "$1" | sed -e 's/\\/\\\\/g' -e "s/$tab/\\\\t/g" | sed -e ':a' -e N -e '$!ba' -e 's/\n/\\n/g' | sed 's/_$//' ;;
    *) printf '%s' "$1" ;;
  esac
}

switch_staged() {
  step files "$(grep -c . "$staged" || :)"
  while IFS="$tab" read -r temporary target user _ number; do
    [ "$target" != - ] || continue
    decode "$temporary"; from=$decoded
    decode "$target"
    as "$user" mv -T -- "$from" "$decoded"
    as "$user" sync -- "${decoded%/*}"
    record made "$number"
  done <"$staged"
}

step_forget() { # N UNIT
  rm -f -- "/run/streamside/started/$2" "/var/lib/streamside/started/$2"
}

step_link() { # N PATH TARGET
  beside "$1" "$2"
  printf '%s\t-\troot\n' "$temporary" >>"$staged"
  ln -s -- "$3" "$temporary"
  mv -T -- "$temporary" "$2"
  sync -- "${2%/*}"
  record made "$1"
}

step_remove() { # N PATH AS
  as "$3" rm -f -- "$2"
  case $2 in
    /etc/systemd/system/*.d/*.conf)
      # the folder is ours only when nobody else has anything in it
      rmdir --ignore-fail-on-non-empty -- "${2%/*}"
      # shellcheck disable=SC2034 # read by reload in units.sh
      unit_files_changed=yes
      ;;
  esac
  record made "$1"
}

# The host's own programs lie in a folder a version. The one before stays, for a program may just have looked up its folder, and
# so does any that something still runs from (launch): a gate that restores for hours.
prune_programs() {
  current=$(readlink -f /usr/local/lib/streamside/current) || return 0
  before=
  find /usr/local/lib/streamside -mindepth 1 -maxdepth 1 -type d -name 'programs-*' ! -path "$current" -printf '%T@ %p\n' |
    sort -rn | cut -d' ' -f2- | while IFS= read -r folder; do
    if [ -z "$before" ]; then before=$folder; continue; fi
    ! flock -n "$folder" true || rm -rf -- "$folder"
  done
}

step_prune() { # N APP KEEP
  current=$(readlink -n -- "/opt/$2/current" || :)
  kept=0
  find "/opt/$2/releases" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2- | while IFS= read -r release; do
    is_release "${release##*/}" || continue
    kept=$((kept + 1))
    [ "$kept" -le "$3" ] || [ "$release" = "$current" ] || rm -rf -- "$release"
  done
}
