"""Writes commands.md, the reference of the command line, from the parsers of the commands: `make reference`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from hyperscale.commands import COMMANDS, load_command
from hyperscale.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_SUCCESS, HyperscaleError

DOCS = Path(__file__).resolve().parent
TOP = """# Commands

<!-- Made from the parsers of hyperscale/commands/ by docs/make_commands.py (`make reference`): change it there. -->

`hyperscale COMMAND` and `python -m hyperscale COMMAND` are the same. FILE is the experiment, by default
`./experiment.yaml`; RUN is the id of a run, or the path of its folder, by default the newest run of this folder.
Results go to stdout and talk to stderr; `--json` gives one JSON document on stdout. `hyperscale COMMAND --help`
shows in the terminal what is here.
"""
EXIT_CODES = """## Exit codes

They are the same for all commands.
"""


def reference() -> str:
    """Return the text of commands.md."""
    text = [TOP, overview(), EXIT_CODES, exit_codes()]
    for name, summary in COMMANDS.items():
        parser = parser_of(name)
        text += [f"## {name}\n", f"{summary[0].upper()}{summary[1:]}.\n", f"`{usage(parser)}`\n"]
        text += [table(parser)] if arguments(parser) else ["It takes no arguments.\n"]
    return "\n".join(text)


def overview() -> str:
    rows = [f"| [`{name}`](#{name}) | {cell(summary)} |" for name, summary in COMMANDS.items()]
    return "\n".join(["| command | does |", "|---|---|", *rows]) + "\n"


def exit_codes() -> str:
    """Return the table of exit codes, as `hyperscale.errors` has them."""
    codes = {EXIT_SUCCESS: "It did what it says; of a run: every row succeeded."}
    codes |= {error.exit_code: first_line(error) for error in errors()}
    codes |= {HyperscaleError.exit_code: "Something else is wrong; the message says what."}
    codes |= {EXIT_BUG: "A bug of hyperscale; the message says how to report it.", EXIT_INTERRUPTED: "Ended by Ctrl-C."}
    rows = [f"| {code} | {cell(meaning)} |" for code, meaning in sorted(codes.items())]
    return "\n".join(["| code | means |", "|--:|---|", *rows]) + "\n"


def errors() -> Iterator[type[HyperscaleError]]:
    yield from HyperscaleError.__subclasses__()


def first_line(error: type[HyperscaleError]) -> str:
    return (error.__doc__ or "").splitlines()[0]


def parser_of(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"hyperscale {name}", add_help=False)
    load_command(name).add_arguments(parser)
    return parser


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a command takes: words first, then options, each in the order of its module.

    argparse has no public list of them; its own help and Sphinx's extensions read this one.
    """
    known = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    return sorted(known, key=lambda action: bool(action.option_strings))


def usage(parser: argparse.ArgumentParser) -> str:
    """Return how to call a command, in one line: that of argparse is broken at the width of a terminal."""
    words = [short(action) for action in reversed(arguments(parser))]
    options = [short(action) for action in arguments(parser) if action.option_strings]
    return " ".join([parser.prog, *options, *(word for word in words if word not in options)])


def short(action: argparse.Action) -> str:
    named = " ".join(filter(None, [action.option_strings[0] if action.option_strings else "", value_name(action)]))
    return named if action.required else f"[{named}]"


def value_name(action: argparse.Action) -> str:
    """Return what stands for the value of an argument; nothing for a switch."""
    if action.nargs == 0:
        return ""
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None and action.metavar is None:
        name = "|".join(map(str, action.choices))
    return f"[{name}]" if action.option_strings and action.nargs == "?" else name


def table(parser: argparse.ArgumentParser) -> str:
    rows = []
    for action in arguments(parser):
        names = ", ".join(action.option_strings) or value_name(action)
        value = f" {value_name(action)}" if action.option_strings and value_name(action) else ""
        meaning = (action.help or "") % {**vars(action), "prog": parser.prog}
        rows.append(f"| `{cell(names + value)}` | {cell(meaning)} |")
    return "\n".join(["| argument | meaning |", "|---|---|", *rows]) + "\n"


def cell(text: str) -> str:
    """Return `text` as it must stand in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def main() -> None:
    (DOCS / "commands.md").write_text(reference(), "utf-8")


if __name__ == "__main__":
    main()
