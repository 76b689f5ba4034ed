#!/bin/sh
# Judges: facts in on stdin, one JSON object a line; decisions out. Hosts and the model (test/model) run this same program.
#
# Usage: decide.sh json|lines
# What can be asked, and what comes out: decide/main.jq.
# Exit: 1 at the first line that cannot be judged (stderr says why), else jq's; 2 for usage.
set -eu
case ${1-} in json | lines) ;; *) echo "usage: decide.sh json|lines" >&2; exit 2 ;; esac
case $0 in */*) cd "${0%/*}" ;; esac
cd decide
# Joined here, not by jq's `include`: jq 1.6 (Debian 12, the oldest that runs this) compiles a file once for each way to it.
# -R: each line is parsed by itself, so that an incomplete one is an error and not a reason to wait for the rest.
exec jq -R -r --unbuffered --arg form "$1" -f /dev/fd/3 3<<PROGRAM
$(cat owner.jq barred.jq stale.jq offline.jq gate.jq source.jq proof.jq release.jq put.jq unit.jq timer.jq config.jq main.jq)
PROGRAM
