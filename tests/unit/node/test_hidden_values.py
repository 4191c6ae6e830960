"""What stands in the place of a secret in what an activity says."""

import json
import os

import pytest

from hyperscale.node.working.exceptions import failure_of
from hyperscale.node.working.hidden_values import NOTHING_HIDDEN, HiddenValues
from hyperscale.node.working.printed import KEPT_BYTES, excerpt, open_printed

VALUE = "PLANTED \"secret\" 'value' é"


@pytest.mark.parametrize("form", [VALUE, repr(VALUE), json.dumps(VALUE), str({"a": VALUE})])
def test_a_value_is_known_in_the_forms_that_texts_have(form):
    hidden = HiddenValues.of({"API_KEY": VALUE}, ["API_KEY"])

    said = hidden.hide(f"before {form} after")

    assert "***API_KEY***" in said
    assert said.startswith("before ")
    assert said.endswith(" after")
    assert "PLANTED" not in said


def test_each_line_of_a_value_is_hidden():
    hidden = HiddenValues.of({"PEM": "first line\nsecond line\n"}, ["PEM"])

    assert hidden.hide("it begins with second line\n") == "it begins with ***PEM***\n"


def test_a_value_that_is_a_part_of_another_leaves_nothing_of_it():
    hidden = HiddenValues({"SHORT": "abcd", "LONG": "abcdefgh"})

    assert hidden.hide("abcdefgh abcd") == "***LONG*** ***SHORT***"


def test_the_secrets_of_storage_are_hidden_although_nobody_names_them():
    key = "a2V5b2ZzdG9yYWdlYTJWNWIyWnpkRzl5WVdkbA=="
    connection = f"DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={key};EndpointSuffix=core.windows.net"
    hidden = HiddenValues.of({"AZURE_STORAGE_CONNECTION_STRING": connection, "MSI_SECRET": "of the node"}, [])

    assert hidden.hide(f"{connection} {key} of the node") == (
        "***AZURE_STORAGE_CONNECTION_STRING*** ***AccountKey*** ***MSI_SECRET***"
    )


def test_a_value_of_three_characters_is_not_hidden():
    hidden = HiddenValues.of({"A": "abc", "B": ""}, ["A", "B"])

    assert hidden.hide("abc") == "abc"


@pytest.mark.parametrize("shift", [0, 1, 7, 15, 16])
def test_output_that_is_cut_shows_no_part_of_a_value(tmp_path, shift):
    hidden = HiddenValues({"API_KEY": "0123456789abcdef"})
    descriptor = open_printed(tmp_path / "printed")
    os.write(descriptor, b"." * shift + b"0123456789abcdef" * (4 * KEPT_BYTES // 16))

    said = excerpt(descriptor, hidden=hidden)
    os.close(descriptor)

    assert "left out" in said
    assert "***API_KEY***" in said
    assert not [part for part in ("0123", "4567", "89ab", "cdef") if part in said.replace("left out", "")]


def test_a_message_is_hidden_before_it_is_cut(tmp_path):
    hidden = HiddenValues({"API_KEY": "0123456789abcdef"})

    failure = failure_of(ValueError("0123456789abcdef" * 1_000), tmp_path, hidden)

    assert "0123" not in failure.message
    assert "cdef" not in failure.message


def test_where_nothing_is_hidden_a_text_stays_as_it_is():
    assert NOTHING_HIDDEN.hide("***") == "***"
    assert NOTHING_HIDDEN.longest == 0
