"""Frames between a consumer and its workers."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.node import wire

FRAMES = [
    wire.Frame(wire.READY, 0, b""),
    wire.Frame(wire.SUCCEEDED, 7, b'{"a":1}'),
    wire.Frame(wire.FAILED, 2**60, b"x" * 99),
]


@given(st.lists(st.integers(1, 40)))
def test_frames_come_out_whole_however_the_pipe_cuts_them(pieces):
    data = b"".join(wire.pack_frame(kind, index, content.decode()) for kind, index, content in FRAMES)
    cuts = [data[start : start + size] for start, size in _spans(pieces, len(data))]
    buffer = wire.FrameBuffer()

    frames = [frame for cut in cuts for frame in buffer.feed(cut)]

    assert frames == FRAMES


def _spans(sizes, length):
    at = 0
    for size in sizes:
        if at < length:
            yield at, size
        at += size
    if at < length:
        yield at, length - at


def test_a_document_comes_back_as_it_was_sent():
    stream = io.BytesIO(wire.pack_document({"a": ["é", 1, None]}))

    assert wire.read_document(stream.read) == {"a": ["é", 1, None]}


def test_a_document_that_breaks_off_is_the_end():
    stream = io.BytesIO(wire.pack_document({"a": 1})[:-1])

    with pytest.raises(EOFError):
        wire.read_document(stream.read)


def test_calls_carry_rows_with_their_attempt():
    calls = wire.Calls(("id", "x"), "id", [[wire.RowToDo(3, 2, [1, "a"])]])

    document = wire.read_document(io.BytesIO(wire.pack_calls(calls)).read)

    assert document == {"columns": ["id", "x"], "key": "id", "calls": [[[3, 2, [1, "a"]]]]}
