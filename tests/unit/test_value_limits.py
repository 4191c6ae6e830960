"""How deep values may be nested, and how long integers may be, in what becomes a ledger line."""

import json

import pytest

from hyperscale.value_limits import MAX_DEPTH, MAX_DIGITS, depth_of, excess


def nested(levels, inner="1"):
    return "[" * levels + inner + "]" * levels


@pytest.mark.parametrize("text", [nested(200), nested(4) * 900, f'"{nested(300)}"', '{"a":"]' + "[" * 300 + '"}'])
def test_what_has_few_levels_is_within_the_limits(text):
    assert excess(text) is None
    assert excess(text.encode()) is None


@pytest.mark.parametrize("levels", [201, 985, 1_024, 50_000])
def test_levels_are_counted(levels):
    assert f"{levels:,} levels deep, at most {MAX_DEPTH}" in excess(nested(levels))
    assert f"{levels:,} levels deep" in excess('{"a":' * levels + '"\\\\"' + "}" * levels)
    assert f"{levels:,} levels deep" in excess("[" + '"]",[' * (levels - 1) + '"]"' + "]" * levels)


def test_levels_around_a_value_are_not_counted():
    assert excess(nested(201), around=1) is None
    assert "201 levels" in excess(nested(203), around=2)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("9" * MAX_DIGITS, None),
        ("9" * (MAX_DIGITS + 1), MAX_DIGITS + 1),
        ("[1,-" + "7" * 6_000 + "]", 6_000),
        ('{"a":"' + "7" * 6_000 + '"}', None),
        ("0." + "7" * 6_000, None),
        ("7" * 6_000 + "e5", None),
        (json.dumps([10**400] * 100), None),
    ],
)
def test_digits_of_integers_are_counted(text, digits):
    found = excess(text)

    assert found is None if digits is None else f"{digits:,} digits, at most 4,300" in found


def test_the_depth_of_values_that_share_or_hold_themselves_is_found():
    shared = []
    for _ in range(60):
        shared = [shared, {"a": shared}]
    own = {}
    own["own"] = [own]

    assert (depth_of(7), depth_of([]), depth_of({"a": (1, [2])}), depth_of(shared)) == (0, 1, 3, 121)
    assert depth_of(own) is None
