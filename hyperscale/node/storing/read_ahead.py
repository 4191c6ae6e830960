"""Reads many blobs of a store in their order, several at a time: over a network, each is waited for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from hyperscale.node.storing.stores import Store

#: So many are asked for at a time.
READ_AHEAD = 16


def read_ahead(store: Store, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each blob.

    Raises:
        MissingBlobError: when one of them is gone.
    """
    waiting = iter(names)
    with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="read-ahead") as pool:
        coming = deque((name, pool.submit(store.read, name)) for name in islice(waiting, READ_AHEAD))
        while coming:
            name, data = coming.popleft()
            found = data.result()
            coming.extend((later, pool.submit(store.read, later)) for later in islice(waiting, 1))
            yield name, found
