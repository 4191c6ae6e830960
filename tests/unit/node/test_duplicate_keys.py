from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hyperscale.node.reading.duplicate_keys import KeyIndex
from hyperscale.row_key import key_text

KEYS = st.lists(
    st.lists(st.sampled_from(["a", "b", "1", "-1", "true", "", None, True]) | st.integers(-3, 20), max_size=6),
    max_size=6,
)


@given(KEYS)
def test_the_first_repeats_are_those_that_a_plain_search_finds(batches: list[list[object]]):
    with KeyIndex() as index:
        for batch in batches:
            index.add(batch)
        count, first = index.duplicates(3)

    keys = [key_text(key) for batch in batches for key in batch]
    repeats = [(number, keys.index(key)) for number, key in enumerate(keys) if key in keys[:number]]
    assert (count, first) == (len(repeats), repeats[:3])


def test_keys_that_spill_to_disk_are_compared_too():
    with KeyIndex() as index:
        for start in range(0, 1_200_000, 100_000):
            index.add(range(start, start + 100_000))
        index.add([700_000, 5])

        assert index.duplicates(5) == (2, [(1_200_000, 700_000), (1_200_001, 5)])


def test_numbers_whose_hashes_are_equal_hide_no_repeat():
    with KeyIndex() as index:
        index.add([-1, -2, -2])

        assert index.duplicates(5) == (1, [(2, 1)])


def test_no_keys_have_no_repeats():
    with KeyIndex() as index:
        assert index.duplicates(5) == (0, [])
