"""Every command that a page shows is run, in the order of the page, and prints what it shows: tests/pages.py."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from azure_site import identity_of
from emulator.resources import STORAGE_ACCOUNT
from forking import programs
from pages import HOME, PAGES, ROOT, Block, Shown, blocks, same, shown_commands, untested

#: Page to the first command of each block that cannot be run here, with the reason.
BY_HAND: Mapping[str, Mapping[str, str]] = {
    "CONTRIBUTING.md": {
        "make test": "sets up an environment over the network; .ci/run runs test, lint and docs",
        "HYPERSCALE_SMOKE_FILE=my-experiment/experiment.yaml make azure-smoke": "needs a workspace",
        "make azure-emulator": "stays until Ctrl-C; the commands in it are those of docs/on-azure.md",
    },
    "README.md": {
        "make run": "sets up an environment over the network; tests/acceptance/test_examples.py runs the experiment",
    },
    "docs/first-run.md": {
        "python3 -m venv .venv": "installs from an index of packages, over the network",
        "py -m venv .venv": "the same, on Windows",
    },
    "docs/on-azure.md": {
        "bash setup.sh": "an administrator's az; tests/acceptance/test_doctor.py runs the script",
        'az role assignment create --role "AzureML Data Scientist" --assignee-object-id PERSON': "the same",
        "hyperscale trial --azure": "tests/acceptance/azure/test_retry_and_trial.py",
        "hyperscale plan --azure --out plan.json": "tests/acceptance/test_plan_azure.py",
        "az ml compute create -f compute/hs-seed-wa0eb9b.yml": "tests/acceptance/azure/test_the_az_way.py",
        "az ml job create -f pipelines/digits-sweep.yml --name digits-sweep-20261130-090312-5d1c --set "
        "inputs.run_id=digits-sweep-20261130-090312-5d1c": "the same",
    },
    "docs/operating.md": {
        "hyperscale trial": "docs/first-run.md runs it",
        "hyperscale gc": "needs clusters that were left behind; tests/acceptance/azure/test_gc.py makes some",
        "hyperscale run --nodes 2 --workers 4 --drill preempt=5%,crash=1%": "tests/acceptance/test_run_drill.py",
    },
    "examples/digit-images/README.md": {
        "python make_images.py": "tests/acceptance/test_examples.py",
    },
    "examples/iris-parallel-job/README.md": {
        "python make_iris.py": "tests/acceptance/test_parallel_scripts.py",
    },
    "examples/thumbnails/README.md": {
        "python make_pictures.py": "needs ImageMagick; tests/acceptance/test_command_example.py",
    },
}
#: What somebody with a workspace has: an experiment, and beside it where that is, and the identity of its nodes.
WORKSPACE = """
hyperscale init my-experiment && cd my-experiment
echo {config} > config.json
sed -i 's|^compute:.*|&\\n  {identities}|' experiment.yaml
"""
TIMEOUT_SECONDS = 300


def page_blocks(page: str) -> list[Block]:
    return list(blocks((ROOT / page).read_text("utf-8")))


def runs_here(block: Block) -> bool:
    return block.is_console and "by-hand" not in block.info


def is_for_azure(block: Block) -> bool:
    return block.is_console and "azure" in block.info


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(runs_here, page_blocks(page)))])
def test_the_commands_of_a_page_print_what_it_shows(page: str, tmp_path: Path, request: pytest.FixtureRequest):
    found = page_blocks(page)
    folder, said = tmp_path / "ada", tmp_path / "said"
    folder.mkdir()
    said.mkdir()
    environment, workspace = shell_environment(folder), ""
    if any(map(is_for_azure, found)):
        environment, workspace, account = on_azure(request, environment)
        found = [replace(block, text=block.text.replace(STORAGE_ACCOUNT, account)) for block in found]

    script, shown = as_script(found, said, workspace)
    subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )

    assert [
        problem for number, step in enumerate(shown) for problem in problems(page, step, said, number, folder)
    ] == []


def shell_environment(folder: Path) -> dict[str, str]:
    """Return the variables of a person whose shell has the program, and no login."""
    path = with_programs(os.environ["PATH"])
    return {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def with_programs(path: str) -> str:
    """Return a PATH on which the program, and what is installed beside it, comes first."""
    return os.pathsep.join([str(programs()), str(Path(sys.executable).parent), path])


def on_azure(request: pytest.FixtureRequest, environment: Mapping[str, str]) -> tuple[dict[str, str], str, str]:
    """Start an Azure; return variables of somebody with a login there, lines that name the workspace, its account."""
    azure = request.getfixturevalue("azure")
    variables = {**environment, **azure.environment(), "HOME": environment["HOME"]}
    variables["PATH"] = with_programs(variables["PATH"])
    names = ("subscription_id", "resource_group", "workspace_name")
    config = json.dumps({name: getattr(azure, name) for name in names})
    identities = identity_of(azure).replace(", ", "\\n  ", 2)
    lines = WORKSPACE.format(config=shlex.quote(config), identities=identities)
    return variables, lines, azure.storage_account


def as_script(found: Sequence[Block], said: Path, workspace: str) -> tuple[str, list[Shown]]:
    """Return one script for the commands and files of a page, and its commands; it ends where one ends otherwise."""
    lines = [f"exec > {said}/workspace.txt 2>&1", workspace]
    shown: list[Shown] = []
    for block in found:
        if block.file is not None:
            lines += [f"mkdir -p {shlex.quote(str(Path(block.file).parent))}"]
            lines += [f"printf %s {shlex.quote(block.text)} > {shlex.quote(block.file)}"]
        if not runs_here(block):
            continue
        for step in shown_commands(block):
            out = said / str(len(shown))
            lines += [f"exec > {out}.txt 2>&1", step.to_run]
            lines += [f"code=$?; echo $code > {out}.code; [ $code = {step.exit_code} ] || exit"]
            shown.append(step)
    return "\n".join(lines), shown


def problems(page: str, step: Shown, said: Path, number: int, folder: Path) -> list[str]:
    """Return what a command did that its page does not show."""
    code, out = said / f"{number}.code", said / f"{number}.txt"
    if not code.exists():
        return []  # one before it has ended the script
    printed = out.read_text("utf-8").replace(str(folder), HOME)
    where = f"{page}:{step.line}: $ {step.to_run}"
    if int(code.read_text()) != step.exit_code:
        return [f"{where}\nended with {code.read_text().strip()}, not {step.exit_code}:\n{printed}"]
    if step.expected and not same(step.expected, printed):
        return [f"{where}\nprinted:\n{printed}\nand the page shows:\n" + "\n".join(step.expected)]
    return []


@pytest.mark.parametrize("page", PAGES)
def test_no_command_line_of_a_page_escapes(page: str):
    assert untested((ROOT / page).read_text("utf-8")) == []


@pytest.mark.parametrize("page", PAGES)
def test_what_is_done_by_hand_has_a_reason(page: str):
    found = [block for block in page_blocks(page) if "by-hand" in block.info]

    firsts = [shown_commands(block)[0].name for block in found]

    assert firsts == list(BY_HAND.get(page, {}))


def test_reasons_are_of_pages_that_exist():
    assert set(BY_HAND) <= set(PAGES)
