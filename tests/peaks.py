"""How much memory this process has taken at most: for what tests start as a process of its own."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_kib() -> int:
    """Return the peak in KiB.

    On Linux not what `getrusage` says: that is never less than the peak of whoever started this process, here a
    process of pytest, which takes more than many a fault would add.
    """
    if sys.platform == "linux":
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
