from __future__ import annotations

import json
import shlex

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.control.rendered.yaml_text import folded_json, quoted

ODD_TEXTS = [
    "",
    " ",
    "no",
    "1_000",
    "08",
    "null",
    "~",
    "2026-11-22",
    "12:30",
    "it's",
    'say "no"',
    "a\nb\r\nc\td\x00\x07\x7f\x85\xa0\u2028\u2029\ufeff\ufffe",
    "back\\slash \\n \\u0027",
    "${{parent.inputs.x}}",
    "$[[ x ]]",
    "<%= experiment.name %>",
    "<% raw %>",
    "<# comment #>",
    "{{ x }}",
    "# comment",
    "key: value",
    "- item",
    "*alias &anchor !tag |\n>",
    "%YAML",
    "é 日本 \U0001f600 \U0010ffff",
]
texts = st.sampled_from(ODD_TEXTS) | st.text() | st.builds("".join, st.lists(st.sampled_from(ODD_TEXTS)))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@given(values)
def test_a_value_comes_back_from_yaml(value: object):
    text = f"key: {quoted(value)}\n"

    assert yaml.safe_load(text) == {"key": value}


@pytest.mark.parametrize("length", [1_021, 1_022, 1_023, 100_000])
def test_a_key_may_have_any_length(length: int):
    value = {"k" * length: {"inner": [1, {"\U0001f600" * length: 2}]}, "short": 3}

    assert yaml.safe_load(f"key: {quoted(value)}\n") == {"key": value}


@given(values)
def test_a_value_is_one_line_of_ascii(value: object):
    text = quoted(value)

    assert text.isascii()
    assert "\n" not in text


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_an_odd_text_comes_back_from_both_loaders_of_yaml(text: str):
    document = f"- {quoted(text)}\n"

    read = [yaml.load(document, Loader=loader) for loader in (yaml.SafeLoader, yaml.CSafeLoader)]  # noqa: S506

    assert read == [[text], [text]]


documents = st.dictionaries(st.text(min_size=1), values, min_size=1, max_size=5)


@given(documents)
def test_folded_json_comes_back_from_yaml(document: dict[str, object]):
    block = "\n".join(f"    {line}" for line in folded_json(document))

    read = yaml.safe_load(f"inputs:\n  experiment: >-\n{block}\n  next: 1\n")["inputs"]

    assert read["next"] == 1
    assert json.loads(read["experiment"]) == document


@given(documents)
def test_folded_json_is_one_argument_in_single_quotes_and_holds_no_expression(document: dict[str, object]):
    text = " ".join(folded_json(document))

    assert shlex.split(f"program --experiment '{text}'") == ["program", "--experiment", text]
    assert "$" not in text
