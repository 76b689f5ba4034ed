# Enters folders below apps' state directories as root; read by apply.sh, and by look.sh where that looks as root.
# shellcheck shell=sh

# An app that was broken into may put a link, or something else of its own, anywhere below its state directory and at any time: so
# nothing is done there by its path. Root goes into the folder, and asks where it is then. What it does to `.`, or without following
# to a name in it, it does to nothing else. /var/lib and what lies above are root's own: there a link counts.
enter() { # FOLDER   Exit: 0 it is the one of that path; 1 it is not there, or a link stands on the way
  cd -P /var/lib || return 1
  states=$(pwd -P)
  cd -P -- "./${1#/var/lib/}" 2>/dev/null && [ "$(pwd -P)" = "$states/${1#/var/lib/}" ]
}

# What is mounted below a state directory is somebody's own doing: whose that is, and what lies in it, is not known here.
on_mount_of_state() { # FILE PATH   FILE is how PATH is named from where we are
  state=${2#/var/lib/}
  state=/var/lib/${state%%/*}
  mounted=$(findmnt -n -o TARGET -T "$1") && [ "$mounted" = "$(findmnt -n -o TARGET -T "$state")" ]
}
