"""Planted secrets are in none of the files, blobs, messages and outputs of a run, whatever its rows do with them."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from azurite import Azurite
from command_line import Command
from key_vault import HOST, KeyVault
from wordings import line_names

from hyperscale.node.storing.credentials import CONNECTION_STRING

VALUE = "PLANTED-value/with 'quotes' and \\n in it"
#: A row for each way in which an activity may let a secret slip.
CODE = """
import logging, os, sys

def slip(row, context):
    secret, deed = os.environ["API_KEY"], row["deed"]
    if deed == "length":
        return {"length": len(secret)}
    print("printed", secret, flush=True)
    print("environment", dict(os.environ), file=sys.stderr, flush=True)
    context.logger.warning("logged %s", secret)
    os.write(1, secret.encode())
    if deed == "raise":
        raise ValueError(f"the key {secret} and {os.environ.get('AZURE_STORAGE_CONNECTION_STRING')} are refused")
    if deed == "key":
        raise KeyError(secret)
    if deed == "exit":
        sys.exit(secret)
    if deed == "long":
        raise ValueError("x" * 1990 + secret * 100)
    if deed == "end":
        os._exit(3)
    if deed == "crash":
        os.kill(os.getpid(), 11)
    return {"length": len(secret)}
"""
SET_UP = """
import os

class slip:
    def set_up(self, context):
        print(os.environ["API_KEY"], flush=True)
        raise ValueError("refused: " + os.environ["API_KEY"])

    def run(self, row):
        return 1
"""
DEEDS = ("length", "print", "raise", "key", "exit", "long", "end", "crash")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "slips.py").write_text(CODE)
    (tmp_path / "rows.csv").write_text("deed\n" + "".join(f"{deed}\n" for deed in DEEDS))
    document = {
        "name": "slips",
        "input": {"csv": "rows.csv"},
        "activity": {
            "code": "src",
            "entry": "slips:slip",
            "secrets": {"API_KEY": f"https://{HOST}/secrets/api-key"},
            "max_attempts": 2,
            "retry_delay_seconds": 0.01,
        },
        "compute": {"size": "Standard_F2s_v2", "max_nodes": 4},
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
        "output": {"logs": "all"},
        "log_level": "debug",
    }
    (tmp_path / "experiment.yaml").write_text(json.dumps(document))
    return tmp_path


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def artefacts(*folders: Path) -> bytes:
    """Return the bytes of all files under `folders`."""
    return b"\n".join(path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file())


def assert_unseen(seen: bytes | str, *secrets: str) -> None:
    data = seen.encode() if isinstance(seen, str) else seen
    for secret in secrets:
        # Parts, too: what is cut somewhere must not show the rest.
        for part in (secret[:12], secret[-12:], json.dumps(secret)[1:-1], repr(secret)[1:-1]):
            at = data.find(part.encode())
            assert at < 0, f"{part!r} is seen: {data[max(0, at - 200) : at + 100]!r}"


def lengths(folder: Path) -> dict[str, str]:
    (run,) = (folder / ".hyperscale" / "runs").iterdir()
    with (run / "results.csv").open(newline="", encoding="utf-8-sig") as text:
        return {row["deed"]: row["length"] for row in csv.DictReader(text)}


def test_a_run_on_this_machine_takes_the_variable_and_shows_it_nowhere(
    hyperscale: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, API_KEY=VALUE)

    run = hyperscale("run", folder=folder)
    results = hyperscale("results", folder=folder)
    resumed = hyperscale("run", "--resume", folder=folder)

    assert "succeeded=2 failed=6 missing=0" in run.stdout, run.stderr
    assert lengths(folder)["print"] == str(len(VALUE))
    seen = artefacts(folder / ".hyperscale")
    assert b"***API_KEY***" in seen
    assert b"refused" in seen
    for said in (seen, *(text for step in (run, results, resumed) for text in (step.stdout, step.stderr))):
        assert_unseen(said, VALUE)


def test_a_run_on_storage_shows_neither_a_secret_nor_the_key_of_the_account(
    hyperscale: Command, folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_azurite = tmp_path_factory.mktemp("storage")
    with Azurite(of_azurite) as azurite:
        set_all(monkeypatch, API_KEY=VALUE, **{CONNECTION_STRING: azurite.connection_string})
        places = ("--queue", azurite.queue_url, "--store", f"{azurite.blob_url}/runs")
        run = hyperscale("run", *places, folder=folder)

    assert "succeeded=2 failed=6 missing=0" in run.stdout, run.stderr
    # What Azurite has kept of all blobs, messages and addresses, deleted ones included.
    kept = artefacts(of_azurite)
    assert b"***API_KEY***" in kept
    for said in (kept, artefacts(folder), run.stdout, run.stderr):
        assert_unseen(said, VALUE, azurite.key)


def test_a_node_takes_the_secret_from_the_key_vault_and_shows_it_nowhere(
    hyperscale: Command, folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeyVault(tmp_path_factory.mktemp("vault"), api_key=VALUE) as vault:
        set_all(monkeypatch, **vault.environment, **vault.node_environment)
        run = hyperscale("run", folder=folder)

    assert "succeeded=2 failed=6 missing=0" in run.stdout, run.stderr
    assert len(vault.asked) == 1
    for said in (artefacts(folder), run.stdout, run.stderr):
        assert_unseen(said, VALUE, vault.token, vault.identity_secret)


def test_a_secret_that_a_node_may_not_read_ends_the_run_with_what_to_do(
    hyperscale: Command, folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with KeyVault(tmp_path_factory.mktemp("vault"), api_key=VALUE) as vault:
        vault.failures.append((403, {}))
        set_all(monkeypatch, **vault.environment, **vault.node_environment)
        run = hyperscale("run", folder=folder)

    assert run.returncode != 0
    line_names(run.stderr, "api-key", "my-vault", "identity")
    assert "Key Vault Secrets User" in run.stderr


def test_a_set_up_that_lets_a_secret_slip_does_not_show_it(
    hyperscale: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "src" / "slips.py").write_text(SET_UP)
    set_all(monkeypatch, API_KEY=VALUE)

    run = hyperscale("run", folder=folder)

    line_names(run.stderr, "slips:slip", "set_up", "ValueError: refused: ***API_KEY***")
    for said in (artefacts(folder), run.stdout, run.stderr):
        assert_unseen(said, VALUE)


def test_a_secret_that_this_machine_lacks_is_said_before_anything_is_run(hyperscale: Command, folder: Path) -> None:
    assert "API_KEY" not in os.environ
    where = "activity.secrets.API_KEY: the environment variable API_KEY is not set"

    run = hyperscale("run", folder=folder)
    validated = hyperscale("validate", folder=folder)

    assert run.returncode == 2
    assert where in run.stderr
    line_names(run.stderr, "API_KEY")
    assert not (folder / ".hyperscale").exists()
    assert validated.returncode == 0
    assert "warning: experiment.yaml:1:" in validated.stderr
    assert where in validated.stderr
