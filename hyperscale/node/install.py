"""Installs what a registered environment or a foreign image lacks, at the start of a job."""

from __future__ import annotations

import subprocess
import sys

from hyperscale.errors import HyperscaleError


def install(requirements: str) -> None:
    """Install `requirements`, separated by spaces, into the interpreter that runs this.

    Raises:
        HyperscaleError: when pip fails.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", *requirements.split()]
    if subprocess.run(command, check=False).returncode:
        raise HyperscaleError(
            f"pip could not install {requirements} at the start of the job",
            hint="give the image network access to a package index, or use environment.image with requirements",
        )
