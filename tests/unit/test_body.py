from __future__ import annotations

import base64
import json
import random
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wordings import Wording

from hyperscale.body import FILL_BODY_BYTES, MAX_BODY_BYTES, MAX_PLAIN_BYTES, Body, BodyError
from hyperscale.node.seeding.packing import numbered, pack

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.floats(allow_nan=False), st.just(float("inf"))
)
JSON_LINES = st.dictionaries(st.text(max_size=5), VALUES, max_size=3).map(
    lambda line: json.dumps(line, separators=(",", ":"))
)


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    columns = tuple(draw(st.lists(st.text(max_size=5), max_size=4)))
    indices = draw(st.lists(st.integers(0, 50) | st.integers(0, 10**12), unique=True, max_size=12))
    values = st.lists(VALUES, min_size=len(columns), max_size=len(columns))
    return Body(
        run_id=draw(st.text(max_size=8)),
        seed_id=draw(st.text(max_size=8)),
        batch=draw(st.integers(0, 10**9)),
        columns=columns,
        rows={index: draw(values) for index in indices},
        attempts={index: draw(st.integers(1, 9)) for index in indices[:2]},
        outcomes=draw(st.lists(JSON_LINES, max_size=3)),
        deliveries=draw(st.integers(0, 99)),
        trial=draw(st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))),
    )


def a_body(rows: dict[int, list[Any]], **others: Any) -> Body:
    return Body("run", "seed", 0, ("text",), rows, **others)


def as_document(body: Body) -> dict[str, Any]:
    return json.loads(body.encode())


def compressed(plain: bytes) -> str:
    return "z" + base64.b64encode(zlib.compress(plain)).decode()


@given(bodies())
def test_a_body_comes_back_as_it_was_encoded(body: Body) -> None:
    text = body.encode()

    again = Body.decode(text)

    assert again == body
    assert list(again.rows) == list(body.rows)


@given(st.lists(st.integers(0, 30), unique=True))
def test_row_indices_come_back_in_their_order_whatever_it_is(indices: list[int]) -> None:
    body = a_body({index: [str(index)] for index in indices})

    again = Body.decode(body.encode())

    assert [(index, values[0]) for index, values in again.rows.items()] == [(i, str(i)) for i in indices]


def test_a_row_whose_values_are_in_the_store_leaves_a_reference_and_no_value() -> None:
    body = a_body({7: ["x" * 100_000]}, stored=305419896, attempts={7: 2})

    again = Body.decode(body.encode())

    assert len(body.encode()) < 300
    assert again == a_body({7: []}, stored=305419896, attempts={7: 2})


def test_a_message_whose_stored_row_is_finished_still_carries_its_outcome() -> None:
    body = a_body({}, stored=305419896, outcomes=['{"row_index":7}'])

    assert Body.decode(body.encode()) == body


def test_neighbouring_rows_are_named_by_their_first_index_and_their_count() -> None:
    body = a_body({index: ["x"] for index in (*range(3500, 4400), 5000, 5002, 5003)})

    document = as_document(body)

    assert document["indices"] == [[3500, 900], [5000, 1], [5002, 2]]
    assert document["columns"] == ["text"]


def test_a_body_that_fits_stays_readable() -> None:
    text = a_body({0: ["a" * 1000]}).encode()

    assert text.startswith('{"version":1,')


def test_a_body_that_does_not_fit_is_compressed() -> None:
    body = a_body({index: ["the same words again and again"] for index in range(5000)})

    text = body.encode()

    assert text.startswith("z")
    assert len(text) < FILL_BODY_BYTES
    assert Body.decode(text) == body


def test_a_body_that_compression_would_not_shrink_stays_as_it_is() -> None:
    body = a_body({0: [base64.b85encode(random.Random(7).randbytes(60_000)).decode()]})

    text = body.encode()

    assert text.startswith("{")
    assert Body.decode(text) == body


def test_the_size_of_a_body_is_that_of_its_bytes() -> None:
    line = json.dumps({"row_index": 1, "result": "行" * 20_000}, ensure_ascii=False)
    body = a_body({}, outcomes=[line])

    text = body.encode()

    assert text.startswith("z")
    assert json.loads(Body.decode(text).outcomes[0]) == json.loads(line)


def test_what_no_reader_would_inflate_is_not_compressed() -> None:
    body = a_body({0: ["x" * MAX_PLAIN_BYTES]})

    assert len(body.encode()) > MAX_PLAIN_BYTES


@pytest.mark.parametrize("size", [MAX_PLAIN_BYTES + 1, 20 * MAX_PLAIN_BYTES])
def test_a_body_that_would_blow_up_is_refused(size: int, wording: Wording) -> None:
    bomb = compressed(b" " * size)

    with pytest.raises(BodyError) as refused:
        Body.decode(bomb)
    wording(refused)


def test_a_truncated_body_is_refused_wherever_it_ends() -> None:
    rows = {index: [f"row {index % 7}"] for index in range(20)}
    plain = a_body(rows, outcomes=['{"row_index":99}']).encode()
    packed = compressed(plain.encode())

    for text in (plain, packed):
        assert Body.decode(text).rows == rows
        for end in range(len(text)):
            with pytest.raises(BodyError):
                Body.decode(text[:end])


def test_a_compressed_body_with_something_behind_it_is_refused(wording: Wording) -> None:
    plain = a_body({0: ["x"]}).encode().encode()
    text = "z" + base64.b64encode(zlib.compress(plain) + b"more").decode()

    with pytest.raises(BodyError) as refused:
        Body.decode(text)
    wording(refused)


@pytest.mark.parametrize(
    "text",
    ["", "z", "hello", "null", "3", '"x"', "[]", "[" * 60_000, "9" * 60_000, "zäöü", "z====", "\ud800", "{} {}"],
)
def test_a_foreign_text_is_refused(text: str) -> None:
    with pytest.raises(BodyError):
        Body.decode(text)


@given(st.text() | st.binary().map(lambda data: "z" + base64.b64encode(data).decode()))
def test_no_text_whatever_raises_anything_else(text: str) -> None:
    with pytest.raises(BodyError):
        Body.decode(text)


@pytest.mark.parametrize("version", [None, 0, 2, "1", [1]])
def test_a_body_of_another_version_is_refused_and_named(version: Any) -> None:
    document = as_document(a_body({0: ["x"]}))
    document["version"] = version

    with pytest.raises(BodyError, match="version") as caught:
        Body.decode(json.dumps(document))

    assert repr(version) in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": None},
        {"seed_id": 3},
        {"batch": "7"},
        {"columns": "x"},
        {"columns": [3]},
        {"columns": ["text", "more"]},
        {"rows": {}},
        {"rows": ["x"]},
        {"rows": [["x"], ["y"]]},
        {"indices": [[0, 10**15]]},
        {"indices": [[0, -1], [0, 2]]},
        {"indices": [[-1, 1]]},
        {"indices": [[0, "1"]]},
        {"indices": None},
        {"indices": [[0, 1], [0, 1]], "rows": [["x"], ["x"]]},
        {"attempts": [1]},
        {"attempts": {"x": 1}},
        {"outcomes": ["text"]},
        {"outcomes": {}},
        {"deliveries": None},
        {"deliveries": float("inf")},
        {"stored": "305419896"},
        {"stored": 305419896},
        {"stored": 1, "indices": [[0, 2]], "rows": [[], []]},
        {"trial": [1, 2]},
        {"trial": 3},
    ],
    ids=str,
)
def test_a_body_with_a_wrong_value_is_refused(changes: dict[str, Any]) -> None:
    document = {**as_document(a_body({0: ["x"]})), **changes}

    with pytest.raises(BodyError, match="damaged"):
        Body.decode(json.dumps(document))


@pytest.mark.parametrize("field", sorted(as_document(a_body({0: ["x"]}))))
def test_a_body_that_lacks_a_value_is_refused(field: str) -> None:
    document = as_document(a_body({0: ["x"]}))
    del document[field]

    with pytest.raises(BodyError):
        Body.decode(json.dumps(document))


def test_the_attempts_of_all_rows_of_a_full_message_fit_into_its_body() -> None:
    chance = random.Random(1)
    rows = [[chance.randrange(10**6)] for _ in range(8_000)]
    packed = pack(numbered([rows]), run_id="run", seed_id="s", columns=("a",))
    body = Body.decode(max(packed, key=lambda message: len(message.body)).body)

    body.attempts = dict.fromkeys(body.rows, 1)  # a service that all of them need was down for a moment

    assert len(body.encode()) <= MAX_BODY_BYTES
    assert Body.decode(body.encode()).attempts == body.attempts


def test_attempts_of_more_rows_than_there_are_are_refused(wording: Wording) -> None:
    text = Body("run", "seed", 0, ("a",), {7: [1]}, attempts={7: 2}).encode()

    with pytest.raises(BodyError) as refused:
        Body.decode(text.replace('"attempts":{"2":[[7,1]]}', '"attempts":{"2":[[7,900]]}'))
    wording(refused)
