"""Code that nodes have downloaded, kept by its content: each file is brought and compiled once."""

from __future__ import annotations

import os
import py_compile
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from emulator.resources import Asset

#: Nobody writes into these: a node may have the kept file itself. Of all others, it has a copy.
_LINKED = (".py", ".pyc")


class Contents:
    """Keeps files for all emulators of a process: nearly all of what tests submit is the package, always the same."""

    def __init__(self, folder: Path) -> None:
        """Keep everything in `folder`, on the file system of the nodes' folders."""
        self._folder = folder
        self._lock = threading.Lock()
        self._snapshots: dict[str, Asset] = {}

    def place(self, digest: bytes, target: Path, bring: Callable[[Path], None]) -> None:
        """Put a file at `target`, with its bytecode beside it, as Python itself would keep it.

        Args:
            digest: of its content, as the storage service has it.
            target: the file to make, in a folder that is there.
            bring: writes the content to a path; it is called when no file with this content was seen before.
        """
        kept = self._folder / f"{digest.hex()}{target.suffix}"
        compiled = kept.with_suffix(".pyc")
        with self._lock:
            if not kept.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                coming = kept.with_suffix(".coming")
                bring(coming)
                if target.suffix == ".py":
                    # Quietly: what cannot be compiled fails where it is imported. The bytecode is good for a source of
                    # just this time, and Python corrects the path in it.
                    py_compile.compile(str(coming), str(compiled), quiet=2)
                coming.rename(kept)
        link_or_copy(str(kept), str(target))
        if target.suffix == ".py" and compiled.exists():
            cache = target.parent / "__pycache__"
            cache.mkdir(exist_ok=True)
            link_or_copy(str(compiled), str(cache / f"{target.stem}.{sys.implementation.cache_tag}.pyc"))

    def keep_snapshot(self, asset: Asset, folder: Path) -> None:
        """Keep all files of a code, which are in `folder`."""
        with self._lock:
            found = asset.content_hash
            if found and found not in self._snapshots:
                kept = self._folder / "snapshots" / found
                shutil.copytree(folder, kept, copy_function=link_or_copy)
                self._snapshots[found] = replace(asset, files=kept)

    def snapshot(self, content_hash: str) -> Asset | None:
        """Return the code with this hash, if it was kept; its files are in `files`."""
        with self._lock:
            return self._snapshots.get(content_hash)


def link_or_copy(source: str, target: str) -> None:
    """Make `target` the file `source` itself where nobody changes it, else a copy; for shutil.copytree."""
    if source.endswith(_LINKED):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
