"""The files that an activity leaves in `context.outputs`: moved into the store before their row is finished."""

from __future__ import annotations

import shutil
from pathlib import Path

from hyperscale.node.storing.stores import Store


def keep_files(store: Store, folder: Path, prefix: str) -> None:
    """Upload all files below `folder` under `prefix`, and remove the folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.upload(f"{prefix}{path.relative_to(folder).as_posix()}", path)
    shutil.rmtree(folder)
