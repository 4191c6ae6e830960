"""`teardown` prints its one document whatever is answered to its question."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from made_run import make_run, some_rows

from hyperscale.commands import teardown


def test_a_teardown_that_is_not_agreed_to_says_that_it_deleted_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path, some_rows(3, consumers=1, workers=1), total=3)
    monkeypatch.setattr(teardown, "agreed", lambda question, yes: False)
    parser = argparse.ArgumentParser()
    teardown.add_arguments(parser)

    code = teardown.run(parser.parse_args([str(run.path), "--data", "--json"]))

    assert code == 0
    assert json.loads(capsys.readouterr().out) == {
        "run_id": run.run_id,
        "deleted": {"clusters": [], "queue": False, "data": False},
    }
    assert run.is_launched
