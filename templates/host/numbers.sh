# Numbers out of SQLite's and Litestream's files, big-endian as both write them; read by wal.sh and status/position.sh.
# shellcheck shell=sh

# Each argument after SKIP is OFFSET:BYTES, within 100 bytes from SKIP on. One process for all of them. Empty for a short file.
numbers() { # FILE SKIP OFFSET:BYTES…
  file=$1 skip=$2
  shift 2
  od -An -v -tu1 -j "$skip" -N 100 -- "$file" 2>/dev/null | tr -s ' \n' '  ' | awk -v wanted="$*" '{
    count = split(wanted, fields, " ")
    for (i = 1; i <= count; i++) {
      split(fields[i], field, ":")
      if (field[1] + field[2] > NF) exit
      value = 0
      for (j = 1; j <= field[2]; j++) value = value * 256 + $(field[1] + j)
      # not %d: mawk, the awk of Debian, ends at 2^31
      printf "%.0f ", value
    }
  }'
}
