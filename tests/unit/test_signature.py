"""What failures have in common."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.signature import ID_LENGTH, MAX_LINE, signature_of


def failure(
    message: str = "no", kind: str = "raised", frames: tuple[str, ...] = ("a.py:9 g: raise",)
) -> dict[str, Any]:
    return {"kind": kind, "type": "ValueError", "message": message, "frames": frames}


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("depth 12 is odd", "depth # is odd"),
        ("-5 and +1.5e-3, 1,234.5 and 50%", "# and # and #%"),
        ("object at 0x7fA0", "object at <id>"),
        ("job 3fa85f64-5717-4562-b3fc-2c963f66afa6 and deadbeef12", "job <id> and <id>"),
        ("key sk0A1b2C3d4E5f6G7 is not known", "key <id> is not known"),
        ("invalid literal for int() with base 10: 'x1'", "invalid literal for int() with base #: <value>"),
        (""""it's" is not b'bytes' """, "<value> is not <value>"),
        (r"'it\'s' in `quotes'", "<value> in <value>"),
        ("can't open it, it isn't 'there'", "can't open it, it isn't <value>"),
        ("a text that is cut off: 'begins and", "a text that is cut off: <value>"),
        ("No such file: /data/in/a b.png", "No such file: <path> <path>"),
        (r"C:\Users\me\x.txt is missing", "<path> is missing"),
        ("image-cat.png: Invalid data found", "<path>: Invalid data found"),
        ("torch.cuda.OutOfMemoryError: CUDA", "torch.cuda.OutOfMemoryError: CUDA"),
        ("GET https://a.b/c?d=4&e=(f) timed out", "GET <url>(f) timed out"),
        ("at 2026-01-02T10:11:12Z", "at #-#-#T#Z"),
        ("[1, 2, 3.5] and ['a', 'b']", "[#] and [<value>]"),
        ("3 validation errors for Row\n  name: field required", "# validation errors for Row"),
        ("\n\n  first words", "first words"),
        ("", ""),
    ],
)
def test_what_differs_from_row_to_row_is_blanked(message: str, pattern: str) -> None:
    assert signature_of(failure(message)).pattern == pattern


def test_an_id_is_the_same_in_every_version_and_no_number_to_a_spreadsheet() -> None:
    found = signature_of(failure("depth 12 is odd, object at 0x7fA0"))

    assert found.id == signature_of(failure("depth 3 is odd, object at 0x11")).id == "a26e9db3"
    assert all(signature_of(failure(letter)).id[0].isalpha() for letter in "abcdefghijklmnopqrst")


@pytest.mark.parametrize(
    "other",
    [
        failure("yes"),
        failure(kind="result"),
        {**failure(), "type": "KeyError"},
        failure(frames=("a.py:9 h: raise",)),
        failure(frames=("b.py:9 g: raise",)),
        failure(frames=()),
    ],
)
def test_another_kind_type_message_or_code_is_another_reason(other: dict[str, Any]) -> None:
    assert signature_of(other).id != signature_of(failure()).id


@pytest.mark.parametrize(
    ("frames", "others"),
    [
        pytest.param(("a.py:9 g: x()",), ("a.py:12 g: x()",), id="code that moved within its file"),
        pytest.param(("/u/one/lib.py:9 g: x()",), ("/u/two/lib.py:9 g: x()",), id="a library in another environment"),
        pytest.param(
            ("a.py:1 p: q()", *["a.py:2 q: r()", "a.py:3 r: s()", "a.py:4 s: x()"]),
            ("a.py:1 o: q()", *["a.py:2 q: r()", "a.py:3 r: s()", "a.py:4 s: x()"]),
            id="another caller far out",
        ),
        pytest.param(("a.py:1 f: f()",) * 9, ("a.py:1 f: f()",) * 5, id="a recursion of another depth"),
    ],
)
def test_frames_tell_where_the_code_fails_and_nothing_else(frames: tuple[str, ...], others: tuple[str, ...]) -> None:
    assert signature_of(failure(frames=frames)).id == signature_of(failure(frames=others)).id


def test_a_timeout_is_known_by_what_was_called_not_by_where_it_happened_to_be() -> None:
    one = failure(kind="timeout", frames=("a.py:1 fit: g()", "a.py:9 g: wait()"))
    other = failure(kind="timeout", frames=("a.py:2 fit: h()",))

    assert signature_of(one).id == signature_of(other).id


def test_a_program_is_known_by_its_exit_code_and_the_last_line_that_it_wrote() -> None:
    def of(*lines: str) -> str:
        return signature_of(failure("\n".join(lines), kind="exited", frames=())).id

    first = of("the command ended with exit code 1", "frame= 12 fps=3.1", "a.mp4: Invalid data found")

    assert of("the command ended with exit code 1", "Stream #0", "reading", "b.mp4: Invalid data found") == first
    assert of("the command ended with exit code 1", "a.mp4: No such file or directory") != first


@given(st.dictionaries(st.sampled_from(["kind", "type", "message"]), st.text(max_size=3 * MAX_LINE) | st.none()))
def test_every_failure_has_a_signature(document: dict[str, Any]) -> None:
    found = signature_of({**document, "frames": [str(document.get("message"))]})

    assert len(found.id) == ID_LENGTH
    assert signature_of({**document, "frames": [str(document.get("message"))]}) == found
