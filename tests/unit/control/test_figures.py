from __future__ import annotations

import pytest

from hyperscale.control.figures import counted, size_text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1.0 KiB"), (3 * 1024**3, "3.0 GiB")]
)
def test_sizes_are_told_in_the_largest_unit_that_fits(size: int, text: str):
    assert size_text(size) == text


def test_large_numbers_are_grouped():
    assert counted(2_000, "node") == "2,000 nodes"
