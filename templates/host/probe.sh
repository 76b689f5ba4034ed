#!/bin/sh
# Looks at a host and answers in one go what a plan needs to know. Changes nothing.
#
# Usage: sh ./probe.sh            in a folder that holds the request:
#   paths     lines  SHA256 TAB SHOW TAB USER TAB PATH   small files, links and directories; SHA256 is the content wanted (or -),
#                                               SHOW=1 asks for the content of a file that differs from it; USER looks at it
#   trees     lines  PATH                       releases and binaries: answered by a signature of names, sizes and times
#   databases lines  LOOK TAB PATH              answered by their sizes and owners; LOOK=1: by how they are written, too
#   services  lines  UNIT                       units that are adopted: services.sh
#   packages, users, units, apps                one name a line; accounts and apps that are there are answered, too
#   replicas  lines  PATH TAB PREFIX            replicas in directories: replicas.sh
#   ports     lines  PORT USER                  ports that apps want: answered when somebody else has them
#   journald                                    (may be absent) say what journald's configuration comes to
#   snippets  lines  NAME                       ours in /etc/rsyslog.d: what rsyslog's configuration is refused for, and whether they are in it
#   verify                                      (may be absent) compare trees by content, not by their signature alone
#   probe/, tree.sh, own-paths.sh, enter.sh, look.sh, services.sh, replicas.sh, rsyslog.sh, host-id.sh   parts of this program
# PATH is encoded for printf %b (a backslash, TAB or newline in it stands as \\, \t, \n).
#
# Answer: lines of TAB-separated fields, first `streamside-probe 1`, last `end`. Fields that come from outside this program
# are base64 when they may hold anything.
# Exit: 0 answered, 1 something here could not be read (stderr says what).
# shellcheck disable=SC2034 # variables are shared with the parts below
set -eu
export LC_ALL=C
tab=$(printf '\t')
here=$PWD

decode() { # TEXT -> $decoded
  case $1 in
    *\\*) decoded=$(printf '%b_' "$1"); decoded=${decoded%_} ;;
    *) decoded=$1 ;;
  esac
}

say() { # FIELD…
  out=$1; shift
  for field in "$@"; do out=$out$tab$field; done
  printf '%s\n' "$out"
}

read_line() { # FILE -> $line, empty when there is none
  line=
  [ ! -r "$1" ] || IFS= read -r line <"$1" || :
}

for part in tree own-paths services replicas rsyslog probe/machine probe/paths probe/records; do
  # shellcheck source=/dev/null
  . "./$part.sh"
done
: >service-users

say streamside-probe 1
machine
listeners
accounts
packages
paths
digests
own_paths
trees
databases
services
units
journald
rsyslog
replicas
apps
transactions
say end
