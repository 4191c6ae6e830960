"""The command line: finds and runs the command; the one place that turns errors into messages and exit codes."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from hyperscale import __version__
from hyperscale.commands import COMMANDS, add_loudness, load_command
from hyperscale.errors import EXIT_BUG, EXIT_INTERRUPTED, ExperimentError, HyperscaleError, is_about_a_file
from hyperscale.talk import TALK

#: As a shell reports a program that wrote to a closed pipe: 128 + SIGPIPE.
EXIT_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: without the program's name; None stands for the process's own.

    Returns:
        The exit code; `errors.py` draws them.
    """
    try:
        arguments = _parse(sys.argv[1:] if argv is None else argv)
        # Only now: `--help` is to be quick.
        from hyperscale.control.talking import talking

        with talking(quiet=arguments.quiet, verbose=arguments.verbose):
            return _run(arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(arguments: argparse.Namespace) -> int:
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except HyperscaleError as error:
        _tell(error)
        return error.exit_code
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:
        if isinstance(error, OSError) and is_about_a_file(error):
            _tell(_refused(error))
            return HyperscaleError.exit_code
        _tell_bug()
        return EXIT_BUG
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line as every other error is said."""

    def error(self, message: str) -> NoReturn:
        """Show how the command is called, and end with the exit code of a wrong command line."""
        from hyperscale.control.talking import write

        write(f"{self.format_usage()}error: {message}\nhint: {self.prog} --help shows what there is")
        sys.exit(ExperimentError.exit_code)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="hyperscale",
        description="Run one function over many rows: on this machine, or on Azure Machine Learning.",
        epilog="Exit codes: 0 every row succeeded, 1 something else is wrong, 2 the experiment or its input is wrong, "
        "3 it cannot be placed, 4 unknown run, 5 Azure refused or did not answer, 6 rows failed or are missing, "
        "7 something still holds quota, 130 interrupted, 70 a bug.",
    )
    parser.add_argument("--version", action="version", version=f"hyperscale {__version__}")
    add_loudness(parser)
    parser.set_defaults(quiet=False, verbose=False)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    is_completion = "_ARGCOMPLETE" in os.environ
    if is_completion:  # a shell asks what may come next: it hands the words over in a variable
        from hyperscale.control.completing import complete, typed_words

        argv = typed_words(os.environ)
    chosen = next((word for word in argv if not word.startswith("-")), None)
    if chosen is not None and chosen not in COMMANDS:
        parser.error(_unknown(chosen))
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == chosen:
            command = load_command(name)
            command.add_arguments(subparser)
            add_loudness(subparser)
            subparser.set_defaults(run=command.run)
    if is_completion:
        complete(parser)
    arguments, unknown = parser.parse_known_args(argv)
    # By the parser of the command: it shows what there is to choose from.
    of_command = subparsers.choices[arguments.command]
    if unknown:
        of_command.error(f"unrecognized arguments: {' '.join(unknown)}")
    if arguments.quiet and arguments.verbose:
        of_command.error("--quiet and --verbose cannot be given together")
    return arguments


def _unknown(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, COMMANDS, n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are: {', '.join(COMMANDS)}"
    return f"there is no command {name!r}; {advice}"


def _tell(error: HyperscaleError) -> None:
    # For --verbose alone: the sentence says what is wrong, and this where it was found out.
    logging.getLogger(TALK).debug("where the error was raised:", exc_info=error)
    lines = [str(problem) for problem in error.problems] if isinstance(error, ExperimentError) else []
    lines.append(f"error: {error}")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    logging.getLogger(TALK).error("%s", "\n".join(lines))


def _refused(error: OSError) -> HyperscaleError:
    """Return what to say of a file that this machine does not let us read or write."""
    # Of two names, the second is what was written.
    named = [name for name in (error.filename2, error.filename) if name is not None]
    return HyperscaleError(
        ": ".join([*map(str, named[:1]), str(error.strerror)]),
        hint="see that its folder exists, that you may read and write there, and that the disk is not full",
    )


def _tell_bug() -> None:
    import platform
    import traceback

    logging.getLogger(TALK).error(
        "%s",
        f"{traceback.format_exc()}"
        "error: this is a bug of hyperscale, not of your experiment\n"
        "hint: please report it, with the lines above, the command line and "
        f"'hyperscale {__version__}, Python {platform.python_version()}, {platform.platform()}'",
    )


if __name__ == "__main__":
    sys.exit(main())
