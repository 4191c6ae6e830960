"""The files that an activity leaves in `context.outputs`: moved into the store before their row is finished."""

from __future__ import annotations

import shutil
from pathlib import Path

from hyperscale.node.storing.stores import Store, check_name


def keep_files(store: Store, folder: Path, prefix: str) -> str | None:
    """Upload all files below `folder` under `prefix`, or none of them, and remove the folder.

    Returns:
        None; or, for people, which file cannot be kept and why: its row has failed, the store is as good as before.
    """
    try:
        found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        files = {f"{prefix}{path.relative_to(folder).as_posix()}": path for path in found}
        for name, path in files.items():
            check_name(name)
            path.open("rb").close()
        for name, path in files.items():
            store.upload(name, path)
    except (ValueError, OSError) as error:  # the store's own errors are HyperscaleErrors
        return f"a file in context.outputs cannot be kept: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None
