"""Runs the program of a peer, and ends all of its processes whatever it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

PEERS = Path(__file__).resolve().parent / "peers.py"
TIMEOUT_SECONDS = 120


def peer_seconds(name: str, folder: Path, count: int, program: Path = PEERS) -> float:
    """Return what the peer `name` of `program` takes for the first `count` rows of `rows.csv` in `folder`."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "RAY_USAGE_STATS_ENABLED": "0"}
    # Files, not pipes: a server that a peer leaves behind would hold a pipe open.
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, str(program), name, "rows.csv", str(count)],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(TIMEOUT_SECONDS)
        finally:
            _end_group(process)
        if process.returncode:
            log.seek(0)
            raise RuntimeError(f"{name}: {log.read().decode(errors='replace')[-2000:]}")
        said.seek(0)
        return float(json.loads(said.read().splitlines()[-1])["seconds"])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
