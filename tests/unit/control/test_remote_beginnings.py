from __future__ import annotations

import pytest

from hyperscale.control.remote.beginnings import looks_like_page, whole_records


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        (b"a,b\n1,2\n3,", "csv", b"a,b\n1,2\n"),
        (b"a,b\n1,2\n", "csv", b"a,b\n1,2\n"),
        (b'a,b\n1,"two\nlines"\n3,"four\nand', "csv", b'a,b\n1,"two\nlines"\n'),
        (b'a,b\n1,"say ""so""\nthere"\n2,', "csv", b'a,b\n1,"say ""so""\nthere"\n'),
        (b'{"a": "5\\""}\n{"a": ', "jsonl", b'{"a": "5\\""}\n'),
        (b"one endless line", "csv", b"one endless line"),
    ],
)
def test_the_beginning_of_a_file_ends_with_a_whole_record(text: bytes, form: str, expected: bytes) -> None:
    assert whole_records(text, form) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"<!DOCTYPE html>\n<html>", True),
        (b"\xef\xbb\xbf  \n<HTML lang=en>", True),
        (b"<head><title>Log in</title>", True),
        (b"html,other\n1,2\n", False),
        (b"<tag>,b\n1,2\n", False),
        (b"", False),
    ],
)
def test_a_page_for_people_is_known_by_how_it_begins(head: bytes, expected: bool) -> None:
    assert looks_like_page(head) is expected
