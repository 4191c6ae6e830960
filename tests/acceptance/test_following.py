"""Who follows an experiment hears of each row of its runs, as docs/operating.md says."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from azurite import Azurite
from command_line import Command

from hyperscale.node.consuming.event_queues import remove_event_queues
from hyperscale.node.storing.credentials import CONNECTION_STRING

ROWS = 500
CODE = """
def square(row, context):
    number = int(row["number"])
    if number % 50 == 7:
        raise ValueError(f"{number} is not wanted")
    return number * number
"""


@pytest.fixture
def account(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Azurite:
    monkeypatch.setenv(CONNECTION_STRING, azurite.connection_string)
    return azurite


@pytest.fixture
def name(account: Azurite) -> Iterator[str]:
    name = f"squares-{uuid4().hex[:8]}"
    yield name
    remove_event_queues(account.queue_url, name)


@pytest.fixture
def folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "squares.py").write_text(CODE)
    (tmp_path / "rows.csv").write_text("number,label\n" + "".join(f"{row},row {row}\n" for row in range(ROWS)))
    write_experiment(tmp_path, name)
    return tmp_path


def write_experiment(folder: Path, name: str, **output: Any) -> None:
    document = {
        "name": name,
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}, "key": "label"},
        "activity": {"code": "src", "entry": "squares:square", "max_attempts": 1},
        "parallelism": {"workers": 2, "rows_per_message": 20},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
        "output": {"format": ["csv"], **output},
    }
    (folder / "experiment.yaml").write_text(json.dumps(document))


@pytest.fixture
def rows_of(repository: Path, tmp_path: Path) -> Callable[[str], Iterator[tuple[Any, ...]]]:
    """The function of the documentation that reads a message."""
    page = (repository / "docs" / "operating.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?def rows_of.*?)```", page, re.DOTALL)
    (tmp_path / "following.py").write_text(code)
    return runpy.run_path(str(tmp_path / "following.py"))["rows_of"]


def texts_in(azurite: Azurite, queue: str) -> list[str]:
    """Return what lies in a queue of events, oldest first."""
    from azure.storage.queue import QueueClient

    with QueueClient.from_connection_string(azurite.connection_string, queue) as client:
        return [message.content for message in client.receive_messages(messages_per_page=32, visibility_timeout=600)]


def test_the_events_of_two_runs_name_each_row_of_each_once(
    hyperscale: Command, folder: Path, account: Azurite, name: str, rows_of: Callable[[str], Any]
) -> None:
    for _ in range(2):
        run = hyperscale("run", "--workers", "2", "--queue", account.queue_url, folder=folder)
        assert run.returncode == 6, run.stderr
        assert f"succeeded={ROWS - 10} failed=10 missing=0" in run.stdout

    runs = sorted(path.name for path in (folder / ".hyperscale" / "runs").iterdir())
    successes, failures = texts_in(account, f"{name}-success"), texts_in(account, f"{name}-failure")
    told = [row for text in (*successes, *failures) for row in rows_of(text)]
    assert sorted((run_id, row) for run_id, row, *_ in told) == [(run, row) for run in runs for row in range(ROWS)]
    assert all(key == f"row {row}" and seconds >= 0 for _, row, key, seconds, _ in told)
    assert {row: failure["message"] for _, row, _, _, failure in told if failure} == {
        row: f"{row} is not wanted" for row in range(7, ROWS, 50)
    }
    for text in failures:
        event = json.loads(text)
        part = folder / ".hyperscale" / "runs" / event["run_id"] / event["part"]
        assert f'"row_index":{event["rows"][0][0]},' in part.read_text()
    counts = json.loads((folder / ".hyperscale" / "runs" / runs[0] / "run_results.json").read_text())
    assert counts["storage_requests"]["events"] > 0


def test_an_experiment_without_event_queues_makes_none(
    hyperscale: Command, folder: Path, account: Azurite, name: str
) -> None:
    write_experiment(folder, name, event_queues=False)
    before = len(account.requests())

    run = hyperscale("run", "--workers", "2", "--queue", account.queue_url, folder=folder)

    assert run.returncode == 6, run.stderr
    asked = [request.path for request in account.requests()[before:]]
    assert any(f"/{name}-" in path for path in asked)
    assert not [path for path in asked if f"{name}-success" in path or f"{name}-failure" in path]
