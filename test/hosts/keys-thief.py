"""Tries as hard as an app that was broken into can to read the keys of its own backups.

Usage: keys-thief.py PID SOCKET FILE…    PID: Litestream's; SOCKET: its control socket; FILE…: what holds keys
Prints a JSON object: what was tried, and "read" with what came of it or the name of the error.
"""

import ctypes
import errno
import json
import os
import socket
import sys

pid, control, files = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def outcome(attempt):
    try:
        return attempt()
    except OSError as error:
        return errno.errorcode[error.errno]


def content(path):
    with open(path, "rb") as file:
        return "read: " + file.read(65536).decode("utf-8", "replace")


def memory():
    with open("/proc/%d/maps" % pid) as maps:
        ranges = [line.split()[0].split("-") for line in maps if line.split()[1].startswith("rw")]
    with open("/proc/%d/mem" % pid, "rb", 0) as mem:
        mem.seek(int(ranges[0][0], 16))
        return "read: %d bytes" % len(mem.read(16))


def attach():
    if libc.ptrace(16, pid, None, None) != 0:  # PTRACE_ATTACH
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(pid, 0)
    libc.ptrace(17, pid, None, None)  # PTRACE_DETACH
    return "read: attached"


def connect():
    with socket.socket(socket.AF_UNIX) as end:
        end.connect(control)
        return "read: connected"


attempts = {
    "environ": lambda: content("/proc/%d/environ" % pid),
    "mem": memory,
    "ptrace": attach,
    "fds": lambda: "read: " + os.readlink("/proc/%d/fd/0" % pid),
    "root": lambda: "read: " + " ".join(os.listdir("/proc/%d/root/etc" % pid)),
    "control socket": connect,
}
attempts.update({path: lambda path=path: content(path) for path in files})
print(json.dumps({name: outcome(attempt) for name, attempt in attempts.items()}))
