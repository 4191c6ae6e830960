"""Runs unit and contract tests with every Python that the README promises: `python tests/every_python.py [3.12 ...]`.

Each Python that is found on this machine gets an environment in `build/pythons`, which is made again when what it is
made from changes. One line says how each did, or that it was not found; the exit code is 1 when one failed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "pythons"
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
TESTS = ("tests/unit", "tests/contract")
#: What says what is installed into an environment.
SAYS_WHAT_IS_INSTALLED = ("pyproject.toml", "tests/azurite/package-lock.json", "tests/azurite/install.py")
INSTALLED = ".installed"
#: Debian's Python comes without ensurepip, and what pyenv puts on PATH (a shim) fails for versions that are not chosen.
TELL_VERSION = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


class NotInstalledError(Exception):
    """An environment cannot be made; the message is what pip said last."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python tests/every_python.py", description=__doc__)
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"of {', '.join(VERSIONS)} (default: all)")
    parser.add_argument(
        "--workers", default=str(2 * (os.cpu_count() or 1)), help="of pytest-xdist (default: %(default)s)"
    )
    values = parser.parse_args(arguments)
    if unknown := set(values.versions) - set(VERSIONS):
        parser.error(f"{', '.join(sorted(unknown))}: not a promised version; they are {', '.join(VERSIONS)}")
    folders = places(os.environ, Path.home())
    have_passed = [test(version, folders, values.workers) for version in values.versions or VERSIONS]
    return 0 if all(have_passed) else 1


def test(version: str, folders: Sequence[Path], workers: str) -> bool:
    """Test with one Python and say how it went; return False when it failed."""
    program = next((each for each in programs(version, folders) if is_usable(each, version)), None)
    if program is None:
        tell(f"Python {version}: not found here, not tested")
        return True
    try:
        python = environment(version, program)
    except NotInstalledError as error:
        tell(f"Python {version}: the tests' requirements cannot be installed: {error}")
        return False
    log, started = PLACE / f"{version}.log", time.monotonic()
    command = [python, "-m", "pytest", *TESTS, "-q", "-n", workers, "--dist", "worksteal", "-p", "no:cacheprovider"]
    with log.open("wb") as output:
        code = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT).returncode
    said = log.read_text(encoding="utf-8", errors="replace")
    tell(f"Python {version}: {counts(said) or 'no test ran'} in {shown(time.monotonic() - started)}")
    if code:
        for line in [*failures(said), f"pytest ended with exit code {code}; all that it said: {log.relative_to(ROOT)}"]:
            tell(f"  {line}")
    return code == 0


def places(environ: Mapping[str, str], home: Path) -> list[Path]:
    """Return the folders that may hold interpreters: those on PATH, then those of pyenv, newest first."""
    on_path = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    of_pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    found = of_pyenv.iterdir() if of_pyenv.is_dir() else ()
    newest_first = sorted(found, key=lambda each: [int(part) for part in re.findall(r"\d+", each.name)], reverse=True)
    return [*on_path, *(version / "bin" for version in newest_first)]


def programs(version: str, folders: Iterable[Path]) -> list[Path]:
    """Return what is called python3.X in `folders`, in their order, each file once."""
    found: dict[Path, Path] = {}
    for program in (folder / f"python{version}" for folder in folders):
        if os.access(program, os.X_OK):
            found.setdefault(program.resolve(), program)
    return list(found.values())


def is_usable(program: Path, version: str) -> bool:
    """Return whether `program` is a Python of this version that can make environments."""
    try:
        answer = subprocess.run([program, "-c", TELL_VERSION], capture_output=True, text=True)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == version


def environment(version: str, program: Path) -> Path:
    """Return the Python of the environment for `version`, which is made by `program` unless it is there.

    Raises:
        NotInstalledError: when it cannot be made.
    """
    folder = PLACE / version
    python, mark = folder / "bin" / "python", folder / INSTALLED
    wanted = fingerprint(program)
    if python.exists() and mark.is_file() and mark.read_text() == wanted:
        return python
    print(f"Installing what tests need into {folder.relative_to(ROOT)}: some minutes, once.", file=sys.stderr)  # noqa: T201
    PLACE.mkdir(parents=True, exist_ok=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", ".[test]"]
    for command in ([program, "-m", "venv", "--clear", folder], pip, [python, "tests/azurite/install.py"]):
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            lines = done.stdout.strip().splitlines() or [f"{command[0]} ended with exit code {done.returncode}"]
            raise NotInstalledError(lines[-1])
    mark.write_text(wanted)
    return python


def fingerprint(program: Path) -> str:
    """Return what changes when an environment has to be made again."""
    contents = b"".join((ROOT / name).read_bytes() for name in SAYS_WHAT_IS_INSTALLED)
    return f"{program.resolve()} {hashlib.sha256(contents).hexdigest()}"


def counts(said: str) -> str:
    """Return what pytest counted, `2 failed, 3,912 passed`; empty when it counted nothing."""
    last = next((line for line in reversed(said.splitlines()) if re.search(r" in [\d.]+s\b", line)), "")
    return re.sub(r"\d+", lambda found: f"{int(found[0]):,}", last.strip("= ").rpartition(" in ")[0])


def failures(said: str) -> list[str]:
    """Return pytest's lines of what failed."""
    return [line for line in said.splitlines() if line.startswith(("FAILED ", "ERROR "))]


def shown(seconds: float) -> str:
    """Return a time for people: `1m20s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
