"""A person's folder with an experiment, and the commands that they type there, against an emulated Azure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forking import forking_python, run_command

from hyperscale import tempo

if TYPE_CHECKING:
    from emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent
CODE = "def run(row):\n    return {'square': int(row['number']) ** 2}\n"
#: Few rows and one node of two workers are enough for most of what can be seen of a run, and cheap.
ROWS = 12
ONE_NODE = "workers: 2, workers_per_node: 2, lease_seconds: 15"
TWO_NODES = "workers: 4, workers_per_node: 2, lease_seconds: 15"
#: A command that takes longer hangs: runs of these tests take half a minute on an idle machine.
PATIENCE_SECONDS = 300


class AzureSite:
    """One experiment folder.

    Attributes:
        folder: the working directory of every command.
        file: the experiment.
    """

    def __init__(
        self,
        folder: Path,
        azure: Emulator,
        *,
        rows: int = ROWS,
        name: str = "squares",
        code: str = CODE,
        activity: str = "",
        parallelism: str = ONE_NODE,
        compute: str = "max_nodes_per_cluster: 4",
        more: str = "",
    ) -> None:
        """Write the experiment; the texts are what stands between the braces of a key."""
        self.azure, self.folder = azure, folder
        self.file = folder / "experiment.yaml"
        (folder / "src").mkdir(parents=True, exist_ok=True)
        (folder / "src" / "activity.py").write_text(code)
        (folder / "rows.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(rows)))
        tier = "" if "tier:" in compute else "tier: dedicated, "
        self.file.write_text(
            f"name: {name}\n"
            "input: {csv: rows.csv}\n"
            f"activity: {{code: src, entry: 'activity:run'{', ' if activity else ''}{activity}}}\n"
            f"parallelism: {{{parallelism}}}\n"
            f"compute: {{size: Standard_F4s_v2, {tier}{identity_of(azure, compute)}, {compute}}}\n"
            f"{azure.workspace_section()}"
            f"{more}"
        )

    def environment(self, **more: str) -> dict[str, str]:
        """Return the variables of a person's shell: logged in, and no key of any account."""
        names = ("PATH", "HOME", "TMPDIR", "LANG", tempo.VARIABLE)
        kept = {name: os.environ[name] for name in names if name in os.environ}
        variables = {**kept, **self.azure.environment(), **more}
        paths = [variables.get("PYTHONPATH", ""), str(ROOT)]
        return {**variables, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "NO_COLOR": "1"}

    def start(self, *words: str, python: str | Path | None = None, **more: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, in a fork or by `python`; who starts it ends it."""
        return subprocess.Popen(
            [python or forking_python(), "-m", "hyperscale", *words],
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, code: int | None = 0, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; its exit code must be `code`, unless that is None."""
        environment = self.environment(**more)
        done = run_command(words, folder=self.folder, environment=environment, timeout_seconds=PATIENCE_SECONDS)
        assert code is None or done.returncode == code, shown(done)
        return done

    def document(self, *words: str, code: int | None = 0) -> Any:
        """Return what a command says with --json."""
        return json.loads(self.run(*words, "--json", code=code).stdout)

    def az_ml(self, lines: Iterable[str]) -> list[str]:
        """Do what lines of az say, and return the names of the jobs."""
        done = subprocess.run(
            [sys.executable, ROOT / "tests" / "az_ml.py"],
            cwd=self.folder,
            env=self.environment(),
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def submit(self, *words: str) -> str:
        """Submit the experiment, and return the id of the run."""
        return str(self.document("submit", "--yes", *words)["run_id"])


def identity_of(azure: Emulator, compute: str = "") -> str:
    """Return the keys of `compute` that name the identities of nodes; those of `control` unless `compute` has that."""
    directory = azure.world.directory
    consumers, control = (
        f"identity: {identity.path}, identity_client_id: {identity.client_id}"
        for identity in (directory.run_identity, directory.control_identity)
    )
    return consumers if "control:" in compute else f"{consumers}, control: {{{control}}}"


def gated(gate: Path) -> str:
    """Return an activity whose rows wait until the file `gate` is there."""
    waits = f"    while not os.path.exists({str(gate)!r}):\n        time.sleep(0.05)\n"
    return f"import os, time\n\ndef run(row):\n{waits}    return {{'square': int(row['number']) ** 2}}\n"


def shown(done: subprocess.CompletedProcess[str]) -> str:
    """Return all that a command left, for the message of a failed test."""
    return f"{' '.join(_words(done.args))} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"


def counts(results: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return how many rows succeeded, failed and are missing."""
    rows = results["rows"]
    return rows["succeeded"], rows["failed"], rows["missing"]


def _words(arguments: Sequence[str]) -> list[str]:
    return [str(word) for word in arguments]
