"""The names of what a run leaves in its store."""

import pytest

from hyperscale import blobs

LONG = "深層学習" * 30


@pytest.mark.parametrize(
    ("row", "folder"),
    [
        ("7", "7"),
        ("a b(1)", "a b(1)"),
        ("../x", "..%2Fx"),
        ("..", "%2E%2E"),
        ("", "%"),
        ("é", "%C3%A9"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_the_folder_of_a_rows_files_is_its_key_where_that_is_a_name_everywhere(row, folder):
    assert blobs.outputs(row) == f"outputs/{folder}/"


def test_a_key_that_is_too_long_for_a_name_is_cut_and_stays_another_than_its_neighbours():
    names = {blobs.outputs(f"{LONG}{number}") for number in range(10)}

    assert len(names) == 10
    assert {len(name) for name in names} == {len("outputs/") + 200 + len("/")}
    assert all(name.startswith("outputs/%E6%B7%B1%E5%B1%A4") for name in names)
