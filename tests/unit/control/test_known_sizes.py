from __future__ import annotations

import csv

import pytest

from hyperscale.control.known_sizes import TABLE, known_capacity
from hyperscale.node_sizes import Capacity, retired_on

KNOWN = [
    ("Standard_F8s_v2", Capacity(8, 0, 16)),
    ("STANDARD_DS3_V2", Capacity(4, 0, 14)),
    ("Standard_NC64as_T4_v3", Capacity(64, 4, 440)),
    ("Standard_ND96asr_v4", Capacity(96, 8, 900)),
    ("Standard_F8s_v9", None),
]


@pytest.mark.parametrize(("size", "capacity"), KNOWN)
def test_common_sizes_are_known_without_asking_azure(size: str, capacity: Capacity | None):
    assert known_capacity(size) == capacity


def test_the_table_has_each_size_once_none_that_is_retired_and_says_its_source_and_day():
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))

    names = [row["size"] for row in rows]
    assert len({name.lower() for name in names}) == len(names)
    assert not [name for name in names if retired_on(name)]
    assert all(row["family"] and int(row["cores"]) > 0 and float(row["memory_gb"]) > 0 for row in rows)
    head = " ".join(line for line in lines if line.startswith("#"))
    assert "Source: vmSizes" in head
    assert "2025-11-04" in head
