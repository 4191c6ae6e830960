"""Processes that an activity left behind, and the end of a worker whose consumer is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyperscale.node.consuming.strays import end_with_worker

ADOPTING = """
import os, signal, subprocess, sys, time
from hyperscale.node.consuming.strays import Strays, adopt_orphans
assert adopt_orphans()
strays = Strays(True)
left = "import subprocess as s; print(s.Popen(['sleep', '600'], start_new_session=True, stdout=-3, stderr=-3).pid)"
daemon = int(subprocess.run([sys.executable, "-c", left], capture_output=True, check=True).stdout)
brief = int(subprocess.run(["bash", "-c", "sleep 0 >/dev/null 2>&1 & echo $!"], capture_output=True, check=True).stdout)
worker = subprocess.Popen(["true"])
"""


def is_alive(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):  # it may end between the two
        return False


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 20 s"
        time.sleep(0.01)


def run_python(source):
    """Return what a program says that is no child of ours to reap."""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_that_left_its_session_is_adopted_and_ended(tmp_path):
    said = run_python(ADOPTING + "strays.end_all(); print(daemon)")

    assert not is_alive(int(said))


def test_adopted_processes_that_are_over_are_reaped_and_workers_are_not():
    said = run_python(
        ADOPTING + "deadline = time.monotonic() + 20\n"
        "def state(pid): return open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[0]\n"
        "while state(worker.pid) != 'Z' and time.monotonic() < deadline: time.sleep(0.01)\n"
        "now = 0.0\n"
        "while os.path.exists(f'/proc/{brief}') and time.monotonic() < deadline:\n"
        "    strays.tend(now, [worker.pid]); now += 10.0\n"
        "print(os.path.exists(f'/proc/{brief}'), worker.wait(), os.path.exists(f'/proc/{daemon}'))\n"
        "strays.end_all()"
    )

    assert said.split() == ["False", "0", "True"]


def test_a_worker_ends_with_all_of_its_session_and_all_below_it():
    script = "sleep 600 & setsid sleep 600 & set -m; sleep 600 & echo $(jobs -p) $(pgrep -P $$ sleep); wait"
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True) as worker:
        pids = {int(pid) for pid in worker.stdout.readline().split()} | {worker.pid}

        end_with_worker(worker.pid)

    assert len(pids) >= 3
    until(lambda: not any(map(is_alive, pids)))


@pytest.mark.parametrize("hang", ["time.sleep(600)", "ctypes.PyDLL(None).sleep(600)"])
def test_a_worker_does_not_outlive_its_consumer_even_in_code_that_does_not_return(tmp_path, hang):
    consumer = tmp_path / "consumer.py"
    consumer.write_text(
        "import sys\nfrom pathlib import Path\n"
        f"sys.path.insert(0, {os.path.dirname(__file__)!r})\n"  # noqa: PTH120
        "from consumer_site import Site\n"
        f"site = Site(Path({str(tmp_path)!r}))\nsite.seed(1)\n"
        "site.run('import ctypes, os, time\\ndef fit(row, context):\\n"
        '    (context.mounts["model"] / "pid.tmp").write_text(str(os.getpid()))\\n'
        '    os.rename(context.mounts["model"] / "pid.tmp", context.mounts["model"] / "pid")\\n'
        f"    {hang}\\n', workers=1, timeout_seconds=300)\n"
    )
    process = subprocess.Popen([sys.executable, consumer])
    until((tmp_path / "pid").exists)
    pid = int((tmp_path / "pid").read_text())
    assert is_alive(pid)

    process.send_signal(signal.SIGKILL)
    process.wait()

    until(lambda: not is_alive(pid))
