/** Lines by which a launcher tells what it has come to; a nonce keeps them apart from whatever else is printed. */
export interface Marks {
  nonce: string
  /** On stdout: a root shell waits for the tar. */
  root: string
  /** On stdout and stderr: everything is unpacked, and what follows is the program's own. */
  started: string
  /** On stderr: sudo asks for the password. */
  password: string
}

export function marks(nonce: string): Marks {
  return { nonce, root: `${nonce} root`, started: `${nonce} started`, password: `${nonce} password` }
}

/**
 * What the user's login shell runs: become root, then run `$1` with the rest as its name and arguments ($3: the nonce). sudo reads the password
 * byte by byte up to the newline, so that nothing of what follows is lost; `-k` makes it ask even when a credential is
 * cached, or the password would be left in the stream.
 */
const becomeRoot = `
LC_ALL=C.UTF-8; export LC_ALL;
if [ "$(id -u)" = 0 ]; then exec sh -c "$@"; fi;
command -v sudo >/dev/null || { echo "sudo is not installed" >&2; exit 127; };
if sudo -n sh -c : </dev/null 2>/dev/null; then exec sudo -n sh -c "$@"; fi;
exec sudo -k -S -p "$3 password" sh -c "$@"
`

/**
 * What runs as root: $1 nonce, $2 folder to work in, $3 seconds the program may take. Directories of ours below /run are
 * gone at the end; under /var/lib the program that was started owns its directory. A tar that was cut between two entries
 * looks whole to GNU tar: only the last entry proves it.
 */
const receive = `
umask 077; PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH;
case $2 in /run/*) mkdir -p -m 755 "$2" ;; *) mkdir -p "$2" ;; esac || exit 73;
d=$(mktemp -d "$2/XXXXXXXXXX") || exit 73;
clean() { cd / && rm -rf "$d"; };
trap clean EXIT; trap "exit 129" HUP; trap "exit 130" INT; trap "exit 141" PIPE; trap "exit 143" TERM;
cd "$d" || exit 73;
echo; echo "$1 root";
tar -xpof - || exit 74;
[ -e .complete ] || { echo "the upload broke off" >&2; exit 74; }; rm .complete;
case $2 in /run/*) ;; *) trap - EXIT ;; esac;
echo "$1 started"; echo >&2; echo "$1 started" >&2;
timeout -k 10 "$3" sh ./.run </dev/null
`

/**
 * The command line for one exec that becomes root, unpacks a tar from its stdin in a fresh directory of `workIn` and runs
 * `./.run` there. It holds no quote but the outer ones, no backslash, no newline and no history mark: sh, bash, zsh, fish
 * and csh read it alike, whichever is the login shell.
 */
export function launcher(nonce: string, workIn: string, deadlineSeconds: number): string {
  const seconds = String(Math.ceil(deadlineSeconds))
  return `exec sh -c '${oneLine(becomeRoot)}' sh '${oneLine(receive)}' sh ${nonce} ${workIn} ${seconds}`
}

function oneLine(program: string): string {
  return program.trim().replaceAll('\n', ' ')
}
