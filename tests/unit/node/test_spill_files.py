"""Lines of a ledger, sorted on disk."""

from pathlib import Path

from hyperscale.node.collecting.spill_files import Spill


def line(row_index: int, text: str) -> bytes:
    return b'{"row_index":%d,"text":"%s"}' % (row_index, text.encode())


def test_lines_come_back_one_a_row_in_the_order_of_rows(tmp_path: Path) -> None:
    spill = Spill(tmp_path, rows_per_bucket=4)
    indices = [(7 * number) % 23 for number in range(23)]

    for row_index in indices:
        spill.add(1, row_index, True, line(row_index, "ä ö 1 2"))
    merged = list(spill.merge())

    assert merged == [line(row_index, "ä ö 1 2") + b"\n" for row_index in range(23)]
    assert list(spill.merged()) == merged


def test_the_merge_rule_holds_across_seals_and_buckets(tmp_path: Path) -> None:
    spill = Spill(tmp_path, rows_per_bucket=2)

    for seal, row_index, succeeded, text in [
        (1, 5, False, "first seal, failed"),
        (1, 0, False, "failed"),
        (1, 0, True, "succeeded in the same seal"),
        (1, 3, True, "first"),
        (2, 3, True, "second"),
        (2, 5, True, "zombie"),
    ]:
        spill.add(seal, row_index, succeeded, line(row_index, text))

    assert list(spill.merge()) == [
        line(0, "succeeded in the same seal") + b"\n",
        line(3, "first") + b"\n",
        line(5, "first seal, failed") + b"\n",
    ]


def test_lines_wait_in_memory_up_to_a_limit_and_no_file_stays_open(tmp_path: Path) -> None:
    spill = Spill(tmp_path, rows_per_bucket=1, buffer_bytes=2_000)
    open_files = Path("/proc/self/fd")

    before = len(list(open_files.iterdir()))
    for row_index in range(1500):
        spill.add(1, row_index, True, line(row_index, "x"))

    assert len(list(open_files.iterdir())) == before
    assert len(list(tmp_path.iterdir())) > 1400
    assert len(list(spill.merge())) == 1500


def test_nothing_gives_nothing(tmp_path: Path) -> None:
    spill = Spill(tmp_path)

    assert list(spill.merge()) == []
    assert list(spill.merged()) == []
