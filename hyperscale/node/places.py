"""Where a queue or a store is: a folder of this machine, as a path or a file: URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from hyperscale.errors import HyperscaleError


def local_folder(url: str, what: str) -> Path:
    """Return the folder that `url` names; `what` is "queue" or "store", for the message.

    Raises:
        HyperscaleError: when `url` is not a folder of this machine.
    """
    if url.startswith("file:"):
        return Path(unquote(urlsplit(url).path))
    if "://" in url or url == "auto":
        raise HyperscaleError(
            f"the {what} {url!r} is not available yet: only folders of this machine are",
            hint=f"give an absolute path as --{what}",
        )
    return Path(url)
