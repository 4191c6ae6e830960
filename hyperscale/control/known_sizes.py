"""What is known of node sizes without asking Azure: the common ones, from a committed table."""

from __future__ import annotations

import csv
from pathlib import Path

from hyperscale.node_sizes import Capacity

#: Its first lines say where the figures come from, and of which day they are.
TABLE = Path(__file__).with_suffix(".csv")


def known_capacity(size: str) -> Capacity | None:
    """Return what a node of `size` has; None when the table does not hold it. Azure does not mind the case of names."""
    wanted = size.lower()
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    found = next((row for row in rows if row["size"].lower() == wanted), None)
    if found is None:
        return None
    return Capacity(int(found["cores"]), int(found["gpus"]), float(found["memory_gb"]))
