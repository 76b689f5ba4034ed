"""Runs a program on a pseudo-terminal and types at it. Prints what was on the screen, and exits as the program did.

A program that does not end in time is killed, and that is said on the screen: nothing of a test may outlive it.

Usage: type.py STEPS PROGRAM ARG…
STEPS is JSON: [{"after": TEXT or null, "type": TEXT}, …]. Each is typed when TEXT has appeared since the last one; null: when something
has appeared and the screen is still.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

# A loaded machine may take long; a test has a limit of its own.
PATIENCE = 50

steps, argv = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)

# A fresh one says that it has no columns at all.
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
seen = b""


def more(limit):
    """Reads what has come; None at the end, False when nothing comes."""
    global seen
    if not select.select([terminal], [], [], limit)[0]:
        return False
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # Linux: the program has closed the terminal
        return None
    seen += piece
    return True if piece else None


def wait_for(text, mark):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if text is not None and text.encode() in seen[mark:]:
            return
        came = more(0.1)
        if came is None or (came is False and text is None and len(seen) > mark):
            return


mark = 0
for step in steps:
    wait_for(step["after"], mark)
    mark = len(seen)
    os.write(terminal, step["type"].encode())
end = time.monotonic() + PATIENCE
gone = False
while not gone and time.monotonic() < end:
    gone = more(0.1) is None
if not gone:
    os.kill(pid, signal.SIGKILL)
    seen += f"\n[killed: it did not end {PATIENCE} s after the last key]\n".encode()
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
