from __future__ import annotations

import pytest

from hyperscale.figures import counted, float_text, size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1.0 KiB"),
        (1024**2 - 52, "1,023.9 KiB"),
        (1024**2 - 51, "1.0 MiB"),
        (1024**2 - 1, "1.0 MiB"),
        (1024**3 - 1, "1.0 GiB"),
        (3 * 1024**3, "3.0 GiB"),
        (1024**4 - 1, "1.0 TiB"),
        (5000 * 1024**4, "5,000.0 TiB"),
    ],
)
def test_sizes_are_told_in_the_largest_unit_that_fits(size: int, text: str):
    assert size_text(size) == text


def test_large_numbers_are_grouped():
    assert counted(2_000, "node") == "2,000 nodes"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567.0, "1234567"), (0.1 + 0.2, "0.3"), (-3.0, "-3"), (1e20, "1e+20"), (float("nan"), "nan")],
)
def test_whole_numbers_keep_their_digits(value: float, text: str):
    assert float_text(value) == text
