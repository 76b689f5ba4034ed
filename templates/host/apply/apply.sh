#!/bin/sh
# Carries out one host transaction: packages, accounts, releases, files, units, health.
#
# Usage: sh ./apply.sh ID [recover]     recover: at a boot, see recover.sh; in a payload folder that holds
#   steps       lines of TAB-separated fields, first the verb; the verbs are the functions step_… of the parts below
#   members/N   the content that goes with step N (a file, a binary, a release's tar)
#   members/manifest
# Fields are encoded for printf %b. Nothing in the payload is run as code but these programs.
#
# Order: everything new is laid beside its target and checked first; then all is renamed into place, systemd reloads once,
# and what must restarts. A check that fails leaves every old file where it was.
#
# Journal (/var/lib/streamside/transactions/ID/journal), a line each:
#   step NAME DETAIL · made N (step N of the file is in place) · healthy APP MS · problem CODE BASE64 · end EXIT
#   proved APP DB TXID BYTES MS (restored beside) · rolled APP OUTCOME FROM TO MS-DOWN|- restore|prove|auto
# Exit: 0 done, 10 the host has moved since the plan, 11 packages, 12 disk, 13 not valid (old files kept), 14 in place but an
# app is not healthy, 15 a unit did not start, 16 an app that leaves could not be released (nothing was changed), 17 a replica was not
# proven to give an app back (what ran runs on), 18 an app was put back to what ran before, 1 anything else.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
umask 077
tab=$(printf '\t')
id=$1
transaction=/var/lib/streamside/transactions/$id
payload=$PWD
# what a command says on its way out belongs into the problem that is reported
exec 2>"$transaction/stderr"

# A field may have names of files in it, which anybody may have given: one with a line's end would add lines of its own.
record() { # FIELD…
  line=$1; shift
  for field in "$@"; do
    case $field in *[[:cntrl:]]*) field=$(printf '%s' "$field" | tr '[:cntrl:]' '?') ;; esac
    line=$line$tab$field
  done
  printf '%s\n' "$line" >>"$transaction/journal"
}

step() { record step "$1" "${2-}"; }

decode() { # TEXT -> $decoded
  case $1 in
    *\\*) decoded=$(printf '%b_' "$1"); decoded=${decoded%_} ;;
    *) decoded=$1 ;;
  esac
}

# What a command said last on its way out. Programs of ours begin a line with its priority in the journal (sd-daemon(3)), which is
# no part of what they say.
last_lines() { # N
  tail -n "$1" "$transaction/stderr" | sed 's/^<[0-7]>//'
}

fail() { # EXIT CODE TEXT
  record problem "$(cause_of "$2" "$3")" "$(printf '%s' "$3" | base64 -w0)"
  exit "$1"
}

# A full or a read-only file system may stop any step: what is to be done is the same for all.
cause_of() { # CODE TEXT
  case $1 in *:*) echo "$1"; return ;; esac # of an app: told as such
  case $2 in
    *'No space left on device'*) if out_of_inodes; then echo inodes-full; else echo disk-full; fi ;;
    *'Read-only file system'*) echo read-only ;;
    *) echo "$1" ;;
  esac
}

# The kernel has one word for both. File systems without a fixed number of inodes say 0 of 0.
out_of_inodes() {
  df --output=itotal,iavail / /var/lib /opt /etc/streamside /usr/local/lib /usr/local/lib/streamside "$payload" 2>/dev/null | awk '$1 > 0 && $2 == 0 { found = 1 } END { exit !found }'
}

# Runs FUNCTION with the fields of every step of that verb, its number first. What it runs may use this, too: nothing here is kept in a
# variable over a call.
each() { # VERB FUNCTION
  set -- "$1" "$2" 0
  while IFS= read -r entry; do
    set -- "$1" "$2" "$(($3 + 1))"
    case $entry in "$1$tab"*) with_fields "$2" "$3" "${entry#*"$tab"}" </dev/null ;; esac
  done <"$payload/steps"
}
with_fields() { # FUNCTION NUMBER FIELDS
  rest=$3
  set -- "$1" "$2"
  while :; do
    decode "${rest%%"$tab"*}"; set -- "$@" "$decoded"
    case $rest in *"$tab"*) rest=${rest#*"$tab"} ;; *) break ;; esac
  done
  "$@"
}

halted='' putting_back=''
# Stopped for what is done here: started again however this ends (`run` has a unit that does it when this program is killed).
note_halted() { # UNIT
  halted="$halted $1"
  printf '%s\n' "$1" >>"$transaction/halted"
}

finish() {
  status=$?
  trap - EXIT
  if [ "$status" -ne 0 ]; then
    undrain
    [ -z "$putting_back" ] || record problem "release-put-back-down:$putting_back" "$(printf 'what ran before could not be put back as a whole: %s' "$(last_lines 3)" | base64 -w0)"
    [ ! -e "$payload/switching" ] || recover
    discard_staged "$staged"
    # what it was started from is in place still, or all of what is to be: its gate knows which files those are
    for unit in $halted; do systemctl start --no-block "$unit" || :; done
    grep -q "^problem$tab" "$transaction/journal" ||
      record problem "$(cause_of unexpected "$(last_lines 12)")" "$(last_lines 12 | base64 -w0)"
  fi
  : >"$transaction/halted"
  # Before the end is told: of a transaction that has one, nobody would clean up after a power cut.
  cd / && rm -rf -- "$payload"
  record end "$status"
  sync -- "$transaction/journal"
  # the journals of the last ten transactions are kept for people
  find /var/lib/streamside/transactions -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | tail -n +11 |
    cut -d' ' -f2- | xargs -r -d '\n' rm -rf --
  exit "$status"
}

# shellcheck source=templates/host/tree.sh
. ./tree.sh
# shellcheck source=templates/host/rsyslog.sh
. ./rsyslog.sh
# shellcheck source=templates/host/deleted.sh
. ./deleted.sh
# shellcheck source=templates/host/enter.sh
. ./enter.sh
# shellcheck source=templates/host/own-paths.sh
. ./own-paths.sh
# shellcheck source=templates/host/apply/lay.sh
. ./lay.sh
# shellcheck source=templates/host/apply/packages.sh
. ./packages.sh
# shellcheck source=templates/host/apply/healthy.sh
. ./healthy.sh
# shellcheck source=templates/host/apply/replicating.sh
. ./replicating.sh
# shellcheck source=templates/host/apply/units.sh
. ./units.sh
# shellcheck source=templates/host/apply/logging.sh
. ./logging.sh
# shellcheck source=templates/host/apply/leave.sh
. ./leave.sh
# shellcheck source=templates/host/apply/roll.sh
. ./roll.sh
# shellcheck source=templates/host/apply/recover.sh
. ./recover.sh
# shellcheck source=templates/host/apply/rename.sh
. ./rename.sh
# shellcheck source=templates/host/apply/mend.sh
. ./mend.sh

if [ "${2-}" = recover ]; then
  undrain
  [ ! -e "$payload/switching" ] || recover
  exit 0
fi
trap finish EXIT
clean_after_interrupted
each expect step_expect
each rename check_rename
# First, for much may go wrong with it, and apps that leave or are renamed run on meanwhile.
install_packages
each leave step_leave
record_meanwhile
each rename step_rename
each user step_user
each directory step_directory
each forget-first step_forget
each binary step_binary
each release step_release
each signature step_signature
record_signatures
each file stage_file
check_staged
check_logging
each roll step_pre_prove
each keep step_keep
prepare_recovery
each halt step_halt
each roll step_roll
each retire step_retire
# Not before all has been checked: a unit that runs on from files that stayed would be restarted for nothing by the next run.
each forget step_forget
arm_recovery
switch_staged
each remove step_remove
each purge step_purge
# After what is removed: a host without databases needs few programs, and an app that is cut off in the middle of leaving needs the
# others once more, to let go.
each link step_link
disarm_recovery
each set-aside step_set_aside
each own step_own
reload
# Before it runs: enabling makes its alias too, and a socket may start it by that (syslog.socket does). Without it the socket
# would start another one beside it.
each enable step_enable
each health mark_begun
each settle step_settle
forget_signatures
record_manifest
each disable step_disable
each start step_start
each restart step_restart
each recheck step_recheck
each health step_health
# Before releases are pruned: it may need the one of before.
each roll step_rolled
each keep drop_kept
each prune step_prune
prune_programs
each replicating step_replicating
each switched step_switched
moved
[ -z "$rolled_back" ] || exit 18
[ -z "$unhealthy$unmounted" ] || exit 14
