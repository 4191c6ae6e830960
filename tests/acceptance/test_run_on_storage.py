"""`hyperscale run` with its queue and its store in a storage account: Azurite's, by key and by token."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from azurite import Azurite
from azurite.tokens import FakeCredential
from command_line import Command
from forking import forking_python

from hyperscale.node.storing.credentials import CONNECTION_STRING
from hyperscale.node.storing.queues import QueueGoneError, open_queue

ROWS = 400
CLIENT_ID = "11111111-2222-3333-4444-555555555555"
CODE = """
import os
import time

def square(row, context):
    time.sleep(context.arguments["seconds"])
    number = int(row["number"])
    return {"square": number * number, "client_id": os.environ.get("AZURE_CLIENT_ID", "")}
"""


@pytest.fixture
def by_key(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Azurite:
    monkeypatch.setenv(CONNECTION_STRING, azurite.connection_string)
    return azurite


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "squares.py").write_text(CODE)
    (tmp_path / "rows.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(ROWS)))
    return tmp_path


def write_experiment(folder: Path, *, row_seconds: float = 0.0, lease_seconds: int = 15) -> None:
    document = {
        "name": "squares",
        "input": {"csv": "rows.csv", "columns": {"number": "integer"}},
        "activity": {"code": "src", "entry": "squares:square", "arguments": {"seconds": row_seconds}},
        "parallelism": {"workers": 2, "rows_per_message": 10, "lease_seconds": lease_seconds},
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
        "output": {"format": ["csv"]},
    }
    (folder / "experiment.yaml").write_text(json.dumps(document))


def places(azurite: Azurite) -> tuple[str, ...]:
    return ("--queue", azurite.queue_url, "--store", f"{azurite.blob_url}/runs/of%20tests")


def test_a_run_on_storage_is_whole_and_leaves_no_secret_and_no_queue(
    hyperscale: Command, folder: Path, by_key: Azurite
) -> None:
    write_experiment(folder)

    run = hyperscale("run", "--workers", "2", "--nodes", "2", *places(by_key), folder=folder)
    results = hyperscale("results", "-o", "copy.csv", folder=folder)
    listed = hyperscale("runs", "--json", folder=folder)

    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].startswith(f"Done. succeeded={ROWS:,} failed=0 missing=0 total={ROWS:,}")
    assert squares(folder / "copy.csv") == [(number, number**2) for number in range(ROWS)]
    (found,) = (folder / ".hyperscale" / "runs").iterdir()
    assert f"{by_key.blob_url}/runs/of%20tests/{found.name}/results.csv" in results.stdout
    assert json.loads(listed.stdout)[0]["state"] == "succeeded"
    assert {path.name for path in found.iterdir()} == {
        "launch.json",
        "lock",
        "rendered",
        "report.html",
        "run.log",
        "steps",
    }
    assert_no_queue(by_key, found.name)
    said = [run.stdout, run.stderr, results.stdout, results.stderr, listed.stdout]
    said += [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]
    assert not [text for text in said if by_key.key[:30] in text]


@pytest.mark.long
def test_a_run_on_storage_goes_on_after_kill_9(hyperscale: Command, folder: Path, by_key: Azurite) -> None:
    write_experiment(folder, row_seconds=0.01, lease_seconds=5)
    process = start(folder, "run", "--workers", "2", *places(by_key))
    wait_for_first_part(by_key, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)

    resumed = hyperscale("run", "--resume", folder=folder)

    assert resumed.returncode == 0, resumed.stderr
    assert f"succeeded={ROWS:,} failed=0 missing=0" in resumed.stdout
    hyperscale("results", "-o", "copy.csv", folder=folder)
    assert squares(folder / "copy.csv") == [(number, number**2) for number in range(ROWS)]


def test_a_run_on_storage_that_is_stopped_counts_what_is_missing(
    hyperscale: Command, folder: Path, by_key: Azurite
) -> None:
    write_experiment(folder, row_seconds=0.04)
    process = start(folder, "run", "--workers", "2", *places(by_key))
    wait_for_first_part(by_key, process)
    process.send_signal(signal.SIGINT)
    stopped, _ = process.communicate(timeout=120)
    counts = json.loads((hyperscale("runs", "--json", folder=folder)).stdout)[0]["rows"]
    write_experiment(folder)

    resumed = hyperscale("run", "--resume", folder=folder)

    assert process.returncode == 130, stopped
    assert counts["missing"] == ROWS - counts["succeeded"] > 0
    assert counts["succeeded"] > 0
    assert resumed.returncode == 0, resumed.stderr
    assert f"succeeded={ROWS:,} failed=0 missing=0" in resumed.stdout


def test_an_outage_of_the_storage_costs_a_run_time_and_nothing_else(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_experiment(folder, row_seconds=0.02)
    with Azurite(tmp_path / "azurite") as azurite:
        monkeypatch.setenv(CONNECTION_STRING, azurite.connection_string)
        process = start(folder, "run", "--workers", "2", *places(azurite))
        wait_for_first_part(azurite, process)
        azurite.stop()
        time.sleep(3)  # the length of the outage
        azurite.start()
        said, talk = process.communicate(timeout=120)

    assert process.returncode == 0, talk
    assert f"succeeded={ROWS:,} failed=0 missing=0" in said


def test_a_node_asks_with_its_identity_over_https(
    hyperscale: Command, folder: Path, azurite_with_tokens: Azurite, identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_experiment(folder)
    monkeypatch.delenv(CONNECTION_STRING, raising=False)
    monkeypatch.delenv("AZURE_CLIENT_ID", raising=False)
    for name, value in {
        "REQUESTS_CA_BUNDLE": str(azurite_with_tokens.authority),
        "AZUREML_RUN_ID": "calm_tooth_1",
        "DEFAULT_IDENTITY_CLIENT_ID": CLIENT_ID,
        "MSI_ENDPOINT": identity,
        "MSI_SECRET": "PLANTED-SECRET",
    }.items():
        monkeypatch.setenv(name, value)

    run = hyperscale("run", "--workers", "2", *places(azurite_with_tokens), folder=folder)
    hyperscale("results", "-o", "copy.csv", folder=folder)

    assert run.returncode == 0, run.stderr
    assert f"succeeded={ROWS:,} failed=0 missing=0" in run.stdout
    assert set(column(folder / "copy.csv", "client_id")) == {CLIENT_ID}  # what DefaultAzureCredential of a row takes
    files = [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]
    assert not [text for text in (run.stdout, run.stderr, *files) if "PLANTED-SECRET" in text]


def test_a_run_that_nobody_may_ask_storage_for_says_so_at_once(
    hyperscale: Command, folder: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_experiment(folder)
    monkeypatch.delenv(CONNECTION_STRING, raising=False)

    without_key = hyperscale("run", *places(azurite), folder=folder)

    assert without_key.returncode == 5
    assert "error: " in without_key.stderr
    assert "clear text" in without_key.stderr
    assert CONNECTION_STRING in without_key.stderr
    assert "Traceback" not in without_key.stderr


def test_a_run_on_one_machine_needs_nothing_of_azure(hyperscale: Command, folder: Path) -> None:
    write_experiment(folder)
    (folder / "src" / "squares.py").write_text("def square(row):\n    return 1\n")
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'azure':\n"
        "            raise ImportError(name + ' was imported')\n"
        "sys.meta_path.insert(0, Refuse())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(folder)}

    run = subprocess.run(
        [sys.executable, "-m", "hyperscale", "run", "--rows", "20"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stderr


@pytest.fixture
def identity() -> Iterator[str]:
    """The address that gives a node of Azure ML the tokens of its identity (MSI_ENDPOINT)."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["secret"] == "PLANTED-SECRET" and f"clientid={CLIENT_ID}" in self.path
            token = FakeCredential().get_token("https://storage.azure.com/.default")
            answer = {"access_token": token.token, "expires_on": str(token.expires_on), "token_type": "Bearer"}
            body = json.dumps(answer if known else {"error": "unknown"}).encode()
            self.send_response(200 if known else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [forking_python(), "-m", "hyperscale", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_first_part(azurite: Azurite, process: subprocess.Popen[str]) -> None:
    """Wait until the run of `process`, the newest one, has written to its ledger."""
    before = len(azurite.requests())
    while not any(request.method == "PUT" and "/ledger/" in request.path for request in azurite.requests()[before:]):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)


def column(table: Path, name: str) -> list[str]:
    with table.open(newline="", encoding="utf-8-sig") as text:
        return [row[name] for row in csv.DictReader(text)]


def squares(table: Path) -> list[tuple[int, int]]:
    return [
        (int(number), int(square))
        for number, square in zip(column(table, "number"), column(table, "square"), strict=True)
    ]


def assert_no_queue(azurite: Azurite, run_id: str) -> None:
    queue = open_queue(azurite.queue_url, run_id)
    try:
        with pytest.raises(QueueGoneError):
            queue.depth()
    finally:
        queue.close()
