"""The guards of the test suite guard: no network, and in CI no skipped test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import forking
import pytest

SKIPPING_TEST = """
import pytest

def test_that_skips():
    pytest.skip("because")
"""
# The documentation range: no machine has this address.
ELSEWHERE = "192.0.2.1"


def test_a_test_that_reaches_for_the_network_fails():
    with socket.socket() as client, pytest.raises(AssertionError, match=r"socket\.connect to '192\.0\.2\.1'"):
        client.connect((ELSEWHERE, 443))


def test_a_test_that_looks_a_name_up_fails():
    with pytest.raises(AssertionError, match=r"socket\.getaddrinfo to 'example\.org'"):
        socket.getaddrinfo("example.org", 443)


def test_a_test_may_talk_to_a_server_on_this_machine():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize(("ci", "exit_code"), [("", 0), ("true", 1)])
def test_a_skipped_test_fails_in_ci_alone(repository: Path, tmp_path: Path, ci: str, exit_code: int):
    (tmp_path / "test_skipping.py").write_text(SKIPPING_TEST)

    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest", tmp_path],
        cwd=tmp_path,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(repository / "tests")},
        capture_output=True,
        check=False,
    )

    assert finished.returncode == exit_code, finished.stdout


def test_without_the_servers_of_a_test_run_emulated_nodes_have_python_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(forking.VARIABLE, raising=False)

    assert forking.forking_python() == Path(sys.executable)
