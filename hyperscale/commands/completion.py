"""`completion`: prints what a shell has to run so that Tab completes commands, options, files and ids of runs."""

from __future__ import annotations

import argparse

from hyperscale.control.completing import shell_code

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take SHELL."""
    parser.epilog = (
        'For good: add `eval "$(hyperscale completion bash)"` to ~/.bashrc, the same with zsh to ~/.zshrc; for fish: '
        "hyperscale completion fish > ~/.config/fish/completions/hyperscale.fish"
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash, zsh or fish")


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    print(shell_code(arguments.shell), end="")
    return 0
