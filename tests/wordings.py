"""What messages say: `names` asserts what one must name, `wording` compares all of it with tests/golden/wordings.

The golden file of a test module holds each text under the id of its test, sorted; `make wordings` writes what differs.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parent
GOLDEN = TESTS / "golden" / "wordings"
OPTION = "--renew-wordings"
#: What varies in texts and is the same in all golden files: pattern and placeholder, in this order. A test's own
#: `tmp_path` comes first, as <folder>; what else varies is named by the test: `hidden={value: placeholder}`.
VARYING = (
    (re.escape(str(TESTS.parent)), "<repository>"),
    (re.escape(sys.executable), "<python>"),
    (r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+", "<port>"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b", "<uuid>"),
    (r"(?<=foreign/)[0-9a-f]{16}", "<message>"),
    (r"(?<= at )0x[0-9a-f]+", "<id>"),
    (r"(?<=-)20\d{6}-\d{6}-[0-9a-f]{4}\b", "<run>"),
)
#: What `Wording` is called with: a text, an error (its problems and hint, too), or several; `hidden=` by keyword.
Wording = Callable[..., None]


def text_of(said: Any) -> str:
    """Return what a person would see of `said`: of an error, its problems, itself and its hint, one a line."""
    if isinstance(said, str):
        return said
    if isinstance(said, pytest.ExceptionInfo):
        return text_of(said.value)
    if isinstance(said, BaseException):
        hint = getattr(said, "hint", None)
        return "\n".join([*map(str, getattr(said, "problems", ())), str(said), *([f"hint: {hint}"] if hint else [])])
    return "\n".join(map(text_of, said)) if isinstance(said, Iterable) else str(said)


def names(said: Any, *parts: object) -> None:
    """Assert that a message names each of `parts`: places, values, what was expected; as whole words, in any order.

    A part may be a tuple or a list of parts, so that a table of cases may give one or several.
    """
    __tracebackhide__ = True
    text = text_of(said)
    lists = [part if isinstance(part, (tuple, list)) else [part] for part in parts]
    lacking = [str(part) for each in lists for part in each if not is_named(str(part), text)]
    if lacking:
        raise AssertionError(f"does not name {', '.join(map(repr, lacking))}:\n{text}")


def line_names(said: Any, *parts: object) -> str:
    """Assert that one line of a longer text, such as all that a command printed, names each of `parts`; return it."""
    __tracebackhide__ = True
    text = text_of(said)
    for line in text.splitlines():
        if all(is_named(str(part), line) for part in parts):
            return line
    raise AssertionError(f"no line names {', '.join(repr(str(part)) for part in parts)}:\n{text}")


def is_named(part: str, text: str) -> bool:
    """Return whether `part` stands in `text` as words of their own: 4 is neither in 40 nor in 4,000."""
    before = r"(?<!\w)(?<!\d[,.])" if part[:1].isalnum() else ""
    after = r"(?!\w)(?![,.]\d)" if part[-1:].isalnum() else ""
    return re.search(before + re.escape(part) + after, text) is not None


def shown(said: Any, hidden: Mapping[Any, str]) -> str:
    """Return the text as golden files hold it: placeholders for what varies, and nothing that cannot be seen."""
    text = text_of(said)
    for value, placeholder in hidden.items():
        text = text.replace(str(value), placeholder)
    for pattern, placeholder in VARYING:
        text = re.sub(pattern, placeholder, text)
    text = re.sub(r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]", lambda found: ascii(found[0])[1:-1], text)
    return re.sub(r" (?=\n|$)", r"\\x20", text.rstrip("\n"))


def golden_file(module: str) -> Path:
    """Return the golden file of a test module, which is named by its path in tests/, such as unit/test_plan.py."""
    return GOLDEN / Path(module).with_suffix(".txt")


def read_golden(module: str) -> dict[str, list[str]]:
    """Return the texts of each test of `module`, in the order in which it says them."""
    found: dict[str, list[str]] = {}
    file = golden_file(module)
    for section in re.split(r"(?m)^(?=\S)", file.read_text("utf-8") if file.exists() else "")[1:]:
        name, *lines = section.rstrip("\n").split("\n")
        found.setdefault(name, []).append("\n".join(line.removeprefix("    ") for line in lines))
    return found


def write_golden(module: str, texts: Mapping[str, list[str]]) -> None:
    file = golden_file(module)
    if not texts:
        file.unlink(missing_ok=True)
        return
    sections = [
        "\n".join([name, *(f"    {line}".rstrip() for line in text.split("\n"))]) + "\n"
        for name in sorted(texts)
        for text in texts[name]
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(sections), "utf-8")


@dataclass
class Renewal:
    """What tests say in a run that renews the golden files; workers of xdist send theirs to their controller.

    Attributes:
        collected: of each module, the ids of its tests that ask for `wording`.
        said: of each module, the texts of its tests that passed.
    """

    is_whole: bool
    collected: dict[str, list[str]] = field(default_factory=dict)
    said: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    def add(self, collected: Mapping[str, list[str]], said: Mapping[str, Mapping[str, list[str]]]) -> None:
        self.collected.update(collected)
        for module, texts in said.items():
            self.said.setdefault(module, {}).update(texts)

    def write(self) -> None:
        """Write what differs; a whole module loses what belongs to none of its tests any more."""
        for module, ids in self.collected.items():
            old = read_golden(module)
            kept = {name: texts for name, texts in old.items() if name in ids or not self.is_whole}
            new = {name: texts for name, texts in {**kept, **self.said.get(module, {})}.items() if texts}
            if new != old:
                write_golden(module, new)
                self.changed.append(module)
        for file in sorted(GOLDEN.rglob("*.txt")):
            if not (TESTS / file.relative_to(GOLDEN)).with_suffix(".py").exists():
                file.unlink()


RENEWAL = pytest.StashKey[Renewal]()
PASSED = pytest.StashKey[bool]()


def place_of(item: pytest.Item) -> tuple[str, str]:
    """Return the module of a test, as its path in tests/, and the test's id in it."""
    return item.path.relative_to(TESTS).as_posix(), item.nodeid.partition("::")[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="write what messages say into tests/golden/wordings")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(OPTION):
        is_part = config.getoption("lf", False) or any("::" in argument for argument in config.args)
        config.stash[RENEWAL] = Renewal(is_whole=not is_part)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave only tests that compare a wording, where wordings are renewed."""
    renewal = config.stash.get(RENEWAL, None)
    if renewal is None:
        return
    chosen = [item for item in items if "wording" in getattr(item, "fixturenames", ())]
    for item in items:
        renewal.collected.setdefault(place_of(item)[0], [])
    for module, name in map(place_of, chosen):
        renewal.collected[module].append(name)
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: Any = yield
    if call.when == "call":
        item.stash[PASSED] = report.passed
    return report


@pytest.fixture
def wording(request: pytest.FixtureRequest) -> Iterator[Wording]:
    """Compares a text or an error with the golden file of the test's module; `hidden={value: "<placeholder>"}`."""
    module, name = place_of(request.node)
    renewal = request.config.stash.get(RENEWAL, None)
    folder = {request.getfixturevalue("tmp_path"): "<folder>"} if "tmp_path" in request.fixturenames else {}
    golden = read_golden(module).get(name, [])
    texts: list[str] = []

    def compare(said: Any, *, hidden: Mapping[Any, str] | None = None) -> None:
        __tracebackhide__ = True
        texts.append(shown(said, {**(hidden or {}), **folder}))
        expected = golden[len(texts) - 1] if len(texts) <= len(golden) else None
        if renewal is None and texts[-1] != expected:
            raise AssertionError(differing(module, name, expected, texts[-1]))

    yield compare
    if not request.node.stash.get(PASSED, False):
        return
    if renewal is not None:
        renewal.add({}, {module: {name: texts}})
    elif len(texts) < len(golden):
        pytest.fail(differing(module, name, golden[len(texts)], None), pytrace=False)


def differing(module: str, name: str, golden: str | None, said: str | None) -> str:
    """Return what a person sees when a wording is not that of the golden file: the difference, and what to do."""
    file = golden_file(module).relative_to(TESTS.parent).as_posix()
    lines = [text.split("\n") if text is not None else [] for text in (golden, said)]
    difference = difflib.unified_diff(*lines, f"{file}: {name}", "what is said", lineterm="", n=99)
    renew = f"write it with `make wordings`, or `pytest tests/{module} {OPTION}`"
    return "\n".join(["the wording differs from its golden file", *difference, f"is it better? {renew}"])


def pytest_sessionfinish(session: pytest.Session) -> None:
    renewal = session.config.stash.get(RENEWAL, None)
    if renewal is None:
        return
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["wordings"] = [renewal.collected, renewal.said]
    else:
        renewal.write()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    renewal = node.config.stash.get(RENEWAL, None)
    if renewal is not None:
        renewal.add(*getattr(node, "workeroutput", {}).get("wordings", [{}, {}]))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    renewal = config.stash.get(RENEWAL, None)
    for module in renewal.changed if renewal else ():
        terminalreporter.write_line(f"renewed: {golden_file(module).relative_to(TESTS.parent)}")
