"""The command line: finds and runs the command; the one place that turns errors into messages and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from hyperscale import __version__
from hyperscale.commands import COMMANDS, load_command
from hyperscale.errors import EXIT_BUG, EXIT_INTERRUPTED, ExperimentError, HyperscaleError

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
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except HyperscaleError as error:
        _tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception:
        _tell_bug()
        return EXIT_BUG
    return code


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hyperscale",
        description="Run one function over many rows: on this machine, or on Azure Machine Learning.",
        epilog="Exit codes: 0 every row succeeded, 2 the experiment or its input is wrong, 3 it cannot be "
        "placed, 4 unknown run, 6 rows failed or are missing, 130 interrupted, 70 a bug.",
    )
    parser.add_argument("--version", action="version", version=f"hyperscale {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in argv if not word.startswith("-")), None)
    if chosen is not None and chosen not in COMMANDS:
        parser.error(_unknown(chosen))
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == chosen:
            command = load_command(name)
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser.parse_args(argv)


def _unknown(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, COMMANDS, n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are: {', '.join(COMMANDS)}"
    return f"there is no command {name!r}; {advice}"


def _tell(error: HyperscaleError) -> None:
    lines = [str(problem) for problem in error.problems] if isinstance(error, ExperimentError) else []
    lines.append(f"error: {error}")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    sys.stderr.write("\n".join(lines) + "\n")


def _tell_bug() -> None:
    import platform
    import traceback

    traceback.print_exc()
    sys.stderr.write(
        "error: this is a bug of hyperscale, not of your experiment\n"
        "hint: please report it, with the lines above, the command line and "
        f"'hyperscale {__version__}, Python {platform.python_version()}, {platform.platform()}'\n"
    )


if __name__ == "__main__":
    sys.exit(main())
