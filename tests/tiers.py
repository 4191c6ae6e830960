"""Says which tests a change asks for: `python tests/tiers.py HEAD~1` prints what `pytest -m` takes.

`make test` leaves out two tiers. `long` repeats for longer what its own tests do, too; `make test-all` alone runs it.
`tools` tests what other tests stand on (the emulator of Azure, the proxy), and what is packed and typed: these fail
where their own files change, and no change elsewhere breaks them. So CI runs them when such a file was touched, and
when nobody can tell.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
USUAL = "not long and not tools"
WITH_TOOLS = "not long"
#: What the tests of `tools` are about, as patterns of git's names; `*` is anything, a slash too.
FILES_OF_TOOLS = (
    "tests/emulator/*",
    "tests/azurite/*",
    "tests/azure_asker.py",
    "tests/unit/test_emulator_*.py",
    "tests/contract/recorded*",
    "tests/contract/test_recorded_answers.py",
    "tests/answer_shapes.py",
    "tests/recordings.py",
    "tests/unit/test_azurite.py",
    "tests/fault/proxy.py",
    "tests/fault/test_proxy.py",
    "tests/acceptance/test_packaging.py",
    "tests/acceptance/test_typing.py",
    # What a user's type checker sees.
    "hyperscale/__init__.py",
    "hyperscale/py.typed",
    "hyperscale/errors.py",
    "hyperscale/failures.py",
    "hyperscale/node/working/activity.py",
    "hyperscale/control/resources.py",
    "hyperscale/control/handles/*",
    "hyperscale/control/mapping/*",
    "pyproject.toml",
    # What decides which tests run at all.
    ".ci/*",
    "Makefile",
    "tests/conftest.py",
    "tests/wordings.py",
    "tests/tiers.py",
)


def marks_for(changed: Iterable[str] | None) -> str:
    """Return the marker expression for a change of these files; None: nobody knows which."""
    if changed is None or any(fnmatch(file, pattern) for file in changed for pattern in FILES_OF_TOOLS):
        return WITH_TOOLS
    return USUAL


def changed_since(commit: str, folder: Path = ROOT) -> list[str] | None:
    """Return the files that differ from `commit`, as git names them; None when it cannot be told."""
    try:
        listed = subprocess.run(
            ["git", "diff", "--name-only", "-z", commit], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return listed.stdout.rstrip("\0").split("\0")


if __name__ == "__main__":
    sys.stdout.write(f"{marks_for(changed_since(sys.argv[1]))}\n")
