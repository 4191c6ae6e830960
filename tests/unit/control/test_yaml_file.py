from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.control.reading.positions import Position
from hyperscale.control.reading.yaml_file import parse_yaml
from hyperscale.control.reading.yaml_scalars import AmbiguousTextError, plain_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None),
        ("true", True), ("False", False),
        ("0", 0), ("-12", -12), ("+7", 7), ("0xFF", 255),
        ("0.5", 0.5), (".5", 0.5), ("-1.", -1.0), ("1e-3", 0.001), ("1E5", 100000.0), ("-0.0", -0.0),
        ("spot", "spot"), ("Norway", "Norway"), ("1.2.3", "1.2.3"), ("5%", "5%"), ("nO", "nO"), ("y", "y"),
        ("2024-01", "2024-01"), ("sweep:fit", "sweep:fit"), ("1:2:a", "1:2:a"), ("azureml:m:1", "azureml:m:1"),
    ],
)  # fmt: skip
def test_an_unquoted_text_has_the_value_that_everybody_expects(text: str, value: object):
    found = plain_value(text)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("no", "write false, or"), ("No", "write false, or"), ("NO", "write false, or"), ("off", "write false, or"),
        ("yes", "write true, or"), ("on", "write true, or"),
        ("1_000", "write 1000, or"), ("1_0.5", "write 10.5, or"), ("08", "write 8, or"), ("-010", "write -10, or"),
        ("0b101", "write 5, or"), ("0o17", "write 15, or"), ("0x_ff", "write 255, or"),
        ("1:30", "base 60"), ("12:30:45", "base 60"),
        ("2024-01-31", "a date"), ("2024-1-3 10:00:00", "a date"), ("2024-01-31T10:00:00Z", "a date"),
        (".inf", "not a finite number"), ("-.INF", "not a finite number"), (".nan", "not a finite number"),
        ("1e400", "too large"),
    ],
)  # fmt: skip
def test_a_text_that_readers_do_not_agree_about_is_refused(text: str, advice: str):
    with pytest.raises(AmbiguousTextError) as caught:
        plain_value(text)

    assert str(caught.value).startswith(text)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    "text", ["7" * 5_000, "0x" + "f" * 5_000, "0b" + "1" * 20_000, "0o" + "7" * 6_000, "7_" * 3_000, "7:" * 3_000 + "7"]
)
def test_a_number_of_thousands_of_digits_is_refused_in_few_words(text: str):
    with pytest.raises(AmbiguousTextError) as caught:
        plain_value(text)

    assert str(caught.value).startswith(text[:40])
    assert len(str(caught.value)) < 400


TEXTS = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_json_is_read_as_what_it_says(document: dict[str, object]):
    text = json.dumps(document, indent=1, ensure_ascii=False)

    parsed = parse_yaml(text, "experiment.yaml")

    assert (parsed.document, parsed.problems) == (document, [])
    assert all(place.line <= len(text.splitlines()) for place in parsed.positions.values.values())


def test_a_value_and_its_key_know_their_places():
    text = "name: digits\ntags:\n  team: [a, 'b']\n"

    positions = parse_yaml(text, "experiment.yaml").positions

    assert positions.values["tags", "team", 1] == Position("experiment.yaml", 3, 13)
    assert positions.keys["tags", "team"] == Position("experiment.yaml", 3, 3)
    assert positions.find(("tags", "team", "c")) == Position("experiment.yaml", 3, 3)
    assert positions.find(("input", "csv")) == Position("experiment.yaml", 1, 1)


def test_a_long_file_without_aliases_is_no_bomb():
    text = "values:\n" + "- {a: b}\n" * 60_000

    parsed = parse_yaml(text, "pipeline.yml")

    assert (len(parsed.document["values"]), parsed.problems) == (60_000, [])


def test_thousands_of_jobs_that_are_one_but_for_their_compute_are_read():
    inputs = ", ".join(f"i{number}: v" for number in range(20))
    jobs = "".join(f"  consume_{number}: {{<<: *consume, compute: c}}\n" for number in range(1, 6_000))

    parsed = parse_yaml(f"jobs:\n  consume_0: &consume {{compute: b, inputs: {{{inputs}}}}}\n{jobs}", "pipeline.yml")

    assert parsed.problems == []
    assert len(parsed.document["jobs"]) == 6_000
    assert parsed.document["jobs"]["consume_5999"]["inputs"]["i19"] == "v"


def test_aliases_in_a_long_file_have_an_end_too():
    large = "[" + "v, " * 2_000 + "]"
    text = f"large: &large {large}\nmany:\n" + "- [*large, written, beside, it]\n" * 1_000

    parsed = parse_yaml(text, "pipeline.yml")

    assert parsed.document is None
    assert "more than 120,100 values" in str(parsed.problems[0])
