"""The pages of the documentation as tests see them: their blocks, the commands shown in these, and what those print.

A fenced block says in its first line how it is tested:

    ```console                   each line after `$ ` is run; the lines below it are what it prints
    ```console azure             the same, against an emulated Azure
    ```console by-hand           cannot be run here: tests/acceptance/test_docs_commands.py has the reason
    ```python file=src/a.py      is written to this file before the commands that come next

In what is printed, `...` stands for anything in a line, and alone for any number of lines. Times, rates, dates and run
ids need not be the same. `# exit code 6` behind a command says how it ends, if not with 0. A line that ends with
`[y/N] y` shows a question and its answer: the command is run with --yes.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "examples/*/README.md")
    for path in ROOT.glob(pattern)
)
#: Pages of the folders that `init` makes.
TEMPLATES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("templates/init/**/README.md"))
#: Where the folder of a page seems to be: pages show what is printed in somebody's home.
HOME = "/home/ada"
FENCE = re.compile(r"^( *)```+(.*)$")
#: Programs whose command lines must not stand in a page untested.
COMMAND_LINE = re.compile(r"^(?:\$ )?(?:hyperscale|az|make|pip|(?:\S*/)?python[\d.]* -m (?:hyperscale|pip)) ")
EXIT_CODE = re.compile(r"# exit code (\d+)$")
ANSWERED = "[y/N] y"
#: What is another one each time, and what stands for it in a comparison.
CHANGING = (
    (re.compile(r"-\d{8}-\d{6}-[0-9a-f]{4}\b"), "-RUN"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?"), "DATE"),
    (re.compile(r"\b(\d+d)?(\d+h)?(\d+m)?[\d.]+ ?(ms|s|m|h|min)\b"), "TIME"),
    (re.compile(r"\b[\d,.]+ rows/s\b"), "RATE"),
    (re.compile(r"\b[\d,.]+ MB\b"), "SIZE"),
    (re.compile(r"\$[\d,]+\.\d+"), "COST"),
    (re.compile(r" +"), " "),
)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        line: of the page, from 1, where its text begins.
        info: the words behind the fence; none if it is indented.
        text: without indentation.
    """

    line: int
    info: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def file(self) -> str | None:
        """The path that the block is to be written to."""
        return next((word.partition("=")[2] for word in self.info if word.startswith("file=")), None)

    @property
    def is_console(self) -> bool:
        return self.language == "console"


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it.

    Attributes:
        line: of the page.
        command: as it is typed, with its comment.
        printed: the lines below it.
    """

    line: int
    command: str
    printed: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its first line, without a comment."""
        return self.command.splitlines()[0].partition(" #")[0].rstrip("\\ ")

    @property
    def exit_code(self) -> int:
        found = EXIT_CODE.search(self.command)
        return int(found.group(1)) if found else 0

    @property
    def to_run(self) -> str:
        """The command without a question."""
        if not any(line.endswith(ANSWERED) for line in self.printed):
            return self.command
        command, hash_sign, comment = self.command.partition(" #")
        return f"{command.rstrip()} --yes{hash_sign}{comment}"

    @property
    def expected(self) -> tuple[str, ...]:
        """The lines that it has to print; none if the page does not show them."""
        return tuple(line for line in self.printed if not line.endswith(ANSWERED))


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced and the indented blocks of a page's text, in order."""
    lines = page.splitlines()
    number = 0
    while number < len(lines):
        fence = FENCE.match(lines[number])
        begin = number + 1 if fence else number
        if fence:
            ends = (at for at in range(begin, len(lines)) if lines[at].strip() == "```")
            number = next(ends, len(lines)) + 1
            yield _block(lines, begin, number - 1, tuple(fence.group(2).split()))
        elif _is_indented(lines, number):
            while number < len(lines) and (lines[number].startswith("    ") or not lines[number].strip()):
                number += 1
            yield _block(lines, begin, number, ())
        else:
            number += 1


def _is_indented(lines: list[str], number: int) -> bool:
    return lines[number].startswith("    ") and (number == 0 or not lines[number - 1].strip())


def _block(lines: list[str], begin: int, end: int, info: tuple[str, ...]) -> Block:
    return Block(begin + 1, info, textwrap.dedent("\n".join(lines[begin:end])).rstrip() + "\n")


def shown_commands(block: Block) -> list[Shown]:
    """Return the commands of a console block; `> ` and a backslash at the end go on with one."""
    found: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append((number, line[2:], []))
        elif found and not found[-1][2] and found[-1][1].endswith("\\"):
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line.removeprefix('> ')}", [])
        elif found:
            found[-1][2].append(line)
        else:
            raise ValueError(f"line {number}: a console block begins with a line after `$ `")
    return [Shown(line, command, tuple(_without_last_empty(printed))) for line, command, printed in found]


def _without_last_empty(lines: list[str]) -> list[str]:
    return lines[:-1] if lines and not lines[-1].strip() else lines


def untested(page: str) -> list[str]:
    """Return the command lines of a page that stand in blocks which nothing runs, with their line."""
    return [
        f"line {number}: {line}"
        for block in blocks(page)
        if not block.is_console and block.file is None
        for number, line in enumerate(block.text.splitlines(), block.line)
        if COMMAND_LINE.match(line)
    ]


def same(expected: tuple[str, ...], printed: str) -> bool:
    """Return whether `printed` is what a page shows."""
    pattern = "".join("(?:.*\n)*?" if line.strip() == "..." else _line_pattern(line) for line in expected)
    return re.fullmatch(pattern, "".join(f"{settled(line)}\n" for line in printed.splitlines())) is not None


def _line_pattern(line: str) -> str:
    return ".*".join(map(re.escape, settled(line).split("..."))) + "\n"


def settled(line: str) -> str:
    """Return a line with what changes from run to run replaced."""
    for pattern, name in CHANGING:
        line = pattern.sub(name, line)
    return line.rstrip()
