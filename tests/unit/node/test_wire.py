"""What a consumer and its workers say to each other."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperscale.node.working import wire

SAID = [
    (wire.READY, ""),
    (wire.SUCCEEDED, '{"row_index":7}'),
    (wire.FAILED, '"' + "x" * 99 + '"'),
    (wire.CALL_FAILED, ""),
]


@given(st.lists(st.integers(1, 40)))
def test_lines_come_out_whole_however_the_pipe_cuts_them(sizes):
    data = b"".join(wire.pack_line(kind, text) for kind, text in SAID)
    buffer = wire.LineBuffer()

    lines = [line for piece in _pieces(data, sizes) for line in buffer.feed(piece)]

    assert lines == [kind + text for kind, text in SAID]


def _pieces(data, sizes):
    for size in sizes:
        if data:
            yield data[:size]
        data = data[size:]
    if data:
        yield data


def test_a_document_comes_back_as_it_was_sent():
    stream = io.BytesIO(wire.pack_document({"a": ["é", 1, None]}))

    assert wire.read_document(stream.read) == {"a": ["é", 1, None]}


def test_a_document_that_breaks_off_is_the_end():
    stream = io.BytesIO(wire.pack_document({"a": 1})[:-1])

    with pytest.raises(EOFError):
        wire.read_document(stream.read)


def test_an_order_carries_rows_with_their_failed_attempts():
    order = wire.Order([3, 4], [[1, "a"], [2, "b"]], {4: 1}, rows_per_call=2)

    document = wire.read_document(io.BytesIO(wire.pack_order(order, ("id", "x"))).read)

    assert document == {
        "columns": ["id", "x"],
        "row_indices": [3, 4],
        "rows": [[1, "a"], [2, "b"]],
        "attempts": {"4": 1},
        "rows_per_call": 2,
    }
