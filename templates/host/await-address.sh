#!/bin/sh
# Waits until this machine has an IPv4 address: a program that listens on an address cannot start without it.
#
# Usage: await-address.sh ADDRESS [SECONDS]       default 30; other addresses than IPv4 are not waited for
# /proc/net/fib_trie lists each local address as a leaf, `|-- ADDRESS`, with `/32 host LOCAL` below it.
# Exit: 0 it is there (or no IPv4 address), 1 it is not.
set -eu
case $1 in *[!0-9.]*) exit 0 ;; esac
left=${2:-30}
until awk -v wanted="$1" '$1 == "|--" { leaf = $2 } /host LOCAL/ && leaf == wanted { found = 1 } END { exit !found }' /proc/net/fib_trie; do
  left=$((left - 1))
  [ "$left" -gt 0 ] || { echo "no interface has the address $1"; exit 1; }
  sleep 1
done
