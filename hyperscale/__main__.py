"""The command line: finds and runs the command; the one place that turns errors into messages and exit codes."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from hyperscale import __version__
from hyperscale.commands import COMMANDS, load_command
from hyperscale.errors import EXIT_BUG, EXIT_INTERRUPTED, ExperimentError, HyperscaleError

#: As a shell reports a program that wrote to a closed pipe: 128 + SIGPIPE.
EXIT_BROKEN_PIPE = 141
#: A write that fails for these does not name its file.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
    except Exception as error:
        if isinstance(error, OSError) and (error.filename is not None or error.errno in _FULL):
            _tell(_refused(error))
            return HyperscaleError.exit_code
        _tell_bug()
        return EXIT_BUG
    return code


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hyperscale",
        description="Run one function over many rows: on this machine, or on Azure Machine Learning.",
        epilog="Exit codes: 0 every row succeeded, 1 something else is wrong, 2 the experiment or its input is wrong, "
        "3 it cannot be placed, 4 unknown run, 5 Azure refused or did not answer, 6 rows failed or are missing, "
        "7 something still holds quota, 130 interrupted, 70 a bug.",
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
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        # By the parser of the command: it shows what there is to choose from.
        subparsers.choices[arguments.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    return arguments


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

    traceback.print_exc()
    sys.stderr.write(
        "error: this is a bug of hyperscale, not of your experiment\n"
        "hint: please report it, with the lines above, the command line and "
        f"'hyperscale {__version__}, Python {platform.python_version()}, {platform.platform()}'\n"
    )


if __name__ == "__main__":
    sys.exit(main())
