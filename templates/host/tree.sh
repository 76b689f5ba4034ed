# Signatures of a tree (a release folder, or one big file); read by probe.sh and apply.sh.
# shellcheck shell=sh

# A tree is not hashed at each run. ctime cannot be set back short of moving the clock, so names, types, modes, owners,
# sizes and change times stand for the content that apply laid and recorded.
stat_signature() { # PATH
  find "$1" -printf '%P %y %m %U %G %s %T@ %C@ %l\n' 2>/dev/null | sort | sha256sum | cut -c1-64
}

# The same by content, for `--verify`: finds what a failing card changed behind the file system's back.
content_signature() { # PATH
  {
    find "$1" -printf '%P %y %m %U %G %l\n' | sort
    find "$1" -type f -print0 | sort -z | xargs -0 -r sha256sum
  } | sha256sum | cut -c1-64
}
