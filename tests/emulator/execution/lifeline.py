"""Kills the processes of all steps when the emulator is gone without having ended them.

It is started with the emulator's folder and a pipe that closes with the emulator; -S -E -I makes that quick.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main(folder: str) -> None:
    sys.stdin.buffer.read()
    # Every step has its home in the emulator's folder.
    mark = b"HOME=" + folder.encode() + b"/"
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - pathlib takes longer to import than to run
        with contextlib.suppress(OSError):
            with open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123
                is_ours = any(variable.startswith(mark) for variable in file.read().split(b"\0"))
            if is_ours and int(name) != os.getpid():
                os.kill(int(name), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
