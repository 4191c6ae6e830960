"""What the fixture `hyperscale` is, for tests to name: the command line as a function."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

#: Called with the arguments and `folder=`; returns what the command said and its exit code.
Command = Callable[..., subprocess.CompletedProcess[str]]
