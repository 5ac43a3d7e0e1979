"""Become a command that ends when its parent does, even by SIGKILL: `leash.py <parent's pid> <command> ...`.

Only Linux can do that (prctl(2), PR_SET_PDEATHSIG); elsewhere a parent that is killed leaves it to `make down`.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, make sure that it is not too late for it, and go on as the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit("the parent is gone")
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
