"""The documentation says what is so: the reference is current, links lead somewhere, names are those of the code."""

from __future__ import annotations

import argparse
import ast
import json
import re
import runpy
from pathlib import Path

import pytest
import yaml
from pages import PAGES, TEMPLATES, blocks
from recordings import load_table

from hyperscale.commands import COMMANDS, load_command

LINK = re.compile(r"\[[^\]]+\]\((?!https?:)([^)#]*)#?([^)]*)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^ {4}|^\$ |`)(?:\S*python -m )?hyperscale ([a-z]+)", re.MULTILINE)
#: A command in a line of text, and what follows it.
INLINE = re.compile(r"`(?:\S*python -m )?hyperscale ([a-z]+)([^`]*)`")
#: One stop of CONTRIBUTING's reading path: | `hyperscale/plan.py` | `make_plan`, `Plan` | ... |
STOP = re.compile(r"^\| `(hyperscale/[\w/]+\.py)` \| (.*?) \|", re.MULTILINE)


def test_the_reference_of_the_experiment_file_is_current(repository: Path):
    script = runpy.run_path(str(repository / "docs" / "make_reference.py"))
    schema = json.loads((repository / "schema.json").read_text("utf-8"))

    made = script["reference"](schema)

    assert (repository / "docs" / "experiment-file.md").read_text("utf-8") == made, "make reference"


def test_the_reference_has_a_place_for_every_key(repository: Path):
    schema = json.loads((repository / "schema.json").read_text("utf-8"))

    paths = [
        f"{name}.{key}" if key else name
        for name, section in schema["properties"].items()
        for key in (None, *section.get("properties", {}))
    ]

    places = anchors(repository / "docs" / "experiment-file.md")
    assert [path for path in paths if path.replace(".", "") not in places] == []
    assert len(paths) > 50


def test_the_reference_of_the_commands_is_current(repository: Path):
    script = runpy.run_path(str(repository / "docs" / "make_commands.py"))

    made = script["reference"]()

    assert (repository / "docs" / "commands.md").read_text("utf-8") == made, "make reference"
    assert [name for name in COMMANDS if f"\n## {name}\n" not in made] == []


def test_the_tables_of_what_is_assumed_are_current_and_name_recordings_that_there_are(repository: Path):
    script = runpy.run_path(str(repository / "docs" / "make_assumptions.py"))
    assumptions = script["load"]()
    page = (repository / "docs" / "on-azure.md").read_text("utf-8")

    assert script["with_tables"](page, script["tables"](assumptions)) == page, "make reference"
    sources = [each["source"] for each in (*assumptions["seen"], *assumptions["refuted"])]
    assert [source for source in sources if source[:2].isdigit() and source not in load_table()] == []
    questions = [each["smoke"] for each in assumptions["open"] if "smoke" in each]
    smoke = ast.parse((repository / "tests" / "smoke" / "open_questions.py").read_text("utf-8"))
    assert set(questions) <= {found.name for found in smoke.body if isinstance(found, ast.FunctionDef)}


@pytest.mark.parametrize("page", [*PAGES, *TEMPLATES])
def test_every_link_leads_somewhere(repository: Path, page: str):
    path = repository / page

    links = [(path.parent / link if link else path, anchor) for link, anchor in LINK.findall(path.read_text("utf-8"))]

    lost = [f"{to}#{anchor}" for to, anchor in links if not to.exists() or (anchor and anchor not in anchors(to))]

    assert lost == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as a forge and the site make them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *TEMPLATES])
def test_every_address_of_the_web_has_the_form_of_one(repository: Path, page: str):
    text = FENCED.sub("", (repository / page).read_text("utf-8"))
    linked = re.findall(r"\]\((https?:[^)]*)\)", text)

    wrong = [address for address in linked if not re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]+(/[^\s]*)?", address)]

    assert wrong == []


@pytest.mark.parametrize("page", [*PAGES, *TEMPLATES])
def test_every_command_that_is_named_exists(repository: Path, page: str):
    named = set(COMMAND.findall((repository / page).read_text("utf-8")))

    assert named <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_is_named_exists(repository: Path, page: str):
    text = (repository / page).read_text("utf-8")

    named = {(name, option) for name, words in INLINE.findall(text) for option in re.findall(r"--[a-z-]+", words)}

    unknown = [f"{name} {option}" for name, option in sorted(named) if option not in options_of(name)]
    assert unknown == []


def options_of(command: str) -> set[str]:
    parser = argparse.ArgumentParser()
    load_command(command).add_arguments(parser)
    return {option for action in parser._actions for option in action.option_strings}


def test_the_reading_path_names_what_the_code_has(repository: Path):
    stops = STOP.findall((repository / "CONTRIBUTING.md").read_text("utf-8"))

    lost = [
        f"{file}: {name}"
        for file, names in stops
        for name in re.findall(r"`([\w.]+)`", names)
        if name not in names_in(repository / file)
    ]

    assert len(stops) >= 10
    assert lost == []


def test_the_navigation_has_every_page_once(repository: Path):
    listed = re.findall(
        r"^ *(?:- file|root): (\S+)$", (repository / "docs" / "_toc.yml").read_text("utf-8"), re.MULTILINE
    )

    assert sorted(f"{page}.md" for page in listed) == [page for page in PAGES if page != "README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_excerpt_of_code_can_be_read(repository: Path, page: str):
    for block in blocks((repository / page).read_text("utf-8")):
        if block.language == "python":
            ast.parse(block.text)
        if block.language == "yaml":
            yaml.safe_load(block.text)


def names_in(module: Path) -> set[str]:
    """Return the functions and classes of a module, and their methods as Class.method."""
    found = set()
    for node in ast.parse(module.read_text("utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return found


@pytest.mark.parametrize(
    "target", ["run", "test", "lint", "bench", "render", "reference", "docs", "docs-links", "pictures", "azure-smoke"]
)
def test_the_makefile_has_what_the_pages_name(repository: Path, target: str):
    text = (repository / "Makefile").read_text("utf-8")

    assert re.search(rf"^{target}:", text, re.MULTILINE)
    assert f"make {target} " in text, "make help names it"
