# Packages of a host transaction; read by apply.sh.
# shellcheck shell=sh disable=SC2154

# What the last apt-get said, and the last that brought the index.
output='' index=''

# Seconds to wait for another apt or dpkg: as many as the host's own apt.conf says, for somebody may know of a slow job there.
# Always with an end, which apt's own default of -1 for some programs has not.
lock_limit() {
  asked=$(apt-config shell seconds DPkg::Lock::Timeout 2>/dev/null | sed -n "s/^seconds='\([0-9]\{1,4\}\)'$/\1/p")
  printf '%s' "${asked:-300}"
}

install_packages() {
  packages=
  each package collect_missing
  packages=${packages# }
  [ -n "$packages" ] || return 0
  step packages "$packages"
  [ -z "$(without_candidate)" ] || refresh_index 'a package has no candidate yet'
  # shellcheck disable=SC2086 # names were checked against Debian's alphabet; there are no spaces in them
  run_apt install --no-install-recommends $packages
  each package record_done
}

collect_missing() { packages="$packages $2"; }
record_done() { record made "$1"; }

without_candidate() {
  # shellcheck disable=SC2086
  apt-cache policy $packages 2>/dev/null | awk -v wanted="$packages" '
    /^[^ ]/ { name = $1; sub(/:$/, "", name) }
    $1 == "Candidate:" && $2 != "(none)" { has[name] = 1 }
    END { count = split(wanted, names, " "); for (n = 1; n <= count; n++) if (!(names[n] in has)) print names[n] }'
}

refresh_index() { # WHY
  step package-index "$1"
  run_apt update
  # It ends with 0 for a mirror that does not answer, for an old index may do. Whether it does, the installation shows.
  index=$output
}

run_apt() { # ARGUMENTS…
  apt_get "$@" || second_try "$@" || packages_failed "$1"
}

second_try() {
  case $output in
    # apt-get does nothing at all after a power cut in the middle of dpkg, or between a package and what it depends on
    *'dpkg was interrupted'* | *'--fix-broken install'*) mend_packages && apt_get "$@" ;;
    # an index of weeks ago names versions that the mirror has no more; one that was cut off in its download has no signature
    *'Unable to fetch some archives'* | *'unauthenticated packages'*) [ -z "$index" ] && refresh_index 'the one of this host is out of date or not whole' && apt_get "$@" ;;
    *) false ;;
  esac
}

mend_packages() {
  step mend-packages "an installation was cut off before its end"
  dpkg --force-confdef --force-confold --configure -a >/dev/null || :
  apt_get --fix-broken install
}

# --force-confold: a package's new default never replaces a file somebody has edited, and dpkg never asks. DPkg::Lock::Timeout
# waits for dpkg's lock alone: the one of the index, which the daily update of a fresh boot holds, fails at once (apt 2.6).
# So the wait is here, for all of them, and whoever looks on is told for whom.
apt_get() { # ARGUMENTS… -> $output
  began=$(seconds_up) limit=$(lock_limit) told=
  while :; do
    output=$(apt-get -q -y -o DPkg::Lock::Timeout=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" 2>&1) && return 0
    case $output in *'Could not get lock'* | *'was locked by another process'*) ;; *) return 1 ;; esac
    [ $(($(seconds_up) - began)) -lt "$limit" ] || return 1
    [ -n "$told" ] || step apt-lock "waiting for $(lock_holder)"
    told=yes
    sleep 2
  done
}

# Not the clock: on a machine without a battery it jumps while one waits.
seconds_up() { cut -d. -f1 /proc/uptime; }

lock_holder() { # -> `process 812 (apt-get, of apt-daily.service), for 3 min`
  pid=$(printf '%s\n' "$output" | sed -n 's/.*\(held by process\|another process with pid\) \([0-9]\{1,\}\).*/\2/p' | head -n 1)
  if [ -z "$pid" ] || ! name=$(cat "/proc/$pid/comm" 2>/dev/null); then echo "a process that is not to be seen"; return; fi
  owner=$(sed -n 's,^0::.*/\([^/]*\.service\).*,\1,p' "/proc/$pid/cgroup" 2>/dev/null || :)
  # in hundredths, the kernel's unit towards programs; before it the name, which may hold anything
  began_at=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)
  since=$(($(seconds_up) - ${began_at:-0} / 100))
  printf 'process %s (%s%s), at it for %s' "$pid" "$name" "${owner:+ of $owner}" \
    "$(if [ "$since" -lt 120 ]; then echo "$since s"; else echo "$((since / 60)) min"; fi)"
}

# apt-get has one exit status for everything: what is to be done differs, so its words are told apart. LC_ALL is C.
packages_failed() { # VERB
  said=$({ printf '%s\n' "$output" | grep -E '^(E|dpkg):' || printf '%s\n' "$index" "$output" | grep -E '^(E|W):'; } | awk '!seen[$0]++' | tail -n 5 || :)
  case $output$index in *'is not valid yet'* | *'not yet valid'*)
    fail 11 clock "the clock of this host says $(date -u '+%F %R') UTC, and apt believes no signature then: $(printf '%s\n' "$said" | head -n 1)" ;;
  esac
  case $output in
    *'Could not get lock'* | *'was locked by another process'*)
      fail 11 apt-locked "apt is busy: $(lock_holder); waited $limit s for it to end" ;;
    *'enough free space'* | *'No space left on device'*) fail 12 disk-full "apt-get said: $said" ;;
    *'Read-only file system'*) fail 12 read-only "apt-get said: $said" ;;
    *'Unable to locate package'* | *'has no installation candidate'*) without_source ;;
    *'Failed to fetch'* | *'Unable to fetch'*) fail 11 mirror-unreachable "a package source of this host does not give what is needed: $said" ;;
  esac
  by_package=$(said_by_package)
  [ -z "$by_package" ] || fail 11 packages "dpkg said: $by_package"
  fail 11 packages "apt-get $1 said: ${said:-$(printf '%s\n' "$output" | tail -n 4)}"
}

# A package whose own script fails, any package of this host: its words come before dpkg's line, and the reason after it.
said_by_package() {
  printf '%s\n' "$output" | tr -d '\r' | awk '
    /^dpkg: error processing / {
      for (n = NR - 3; n < NR; n++) if (n in words) print words[n]
      print; reason = 1; next
    }
    reason { print; reason = 0; next }
    !/^(Setting up|Unpacking|Preparing|Processing|Selecting|Get:|Fetched|Reading|\(Reading|[0-9]+ upgraded|Errors were)/ { words[NR] = $0 }' |
    awk '!seen[$0]++' | head -n 8
}

without_source() {
  missing=$(without_candidate | tr '\n' ' ')
  missing=${missing% }
  missing=${missing:-$packages}
  case $index in *'Failed to fetch'*)
    fail 11 mirror-unreachable "no package source that answers has $missing, and this one does not: $(printf '%s\n' "$index" | sed -n '/Failed to fetch/s/^[EW]: //p' | head -n 1)" ;;
  esac
  # shellcheck disable=SC2016 # apt-get expands it
  sources=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | sort -u | tr '\n' ' ' || :)
  [ -n "$sources" ] ||
    fail 11 no-package-source "$missing cannot be had: this host has no package source, neither in /etc/apt/sources.list nor below /etc/apt/sources.list.d. For its release it would be: deb http://MIRROR/debian $(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release) main (for MIRROR see the sources of another host of that release, or sources.list(5))"
  fail 11 package-unknown "no package source of this host (${sources% }) has $missing"
}
