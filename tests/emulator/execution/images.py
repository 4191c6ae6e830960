"""The images of environments: built at their first use, which takes a while, or fails for those that tests break."""

from __future__ import annotations

import re
from pathlib import Path

from emulator.resources import Failure
from emulator.world import World

BUILD_LOG = "azureml-logs/20_image_build_log.txt"
#: What a failing build says, in its log alone.
ERROR_LINE = "ERROR: No matching distribution found for no-such-package==9.9"
_LINES = 40


class Images:
    """What is built.

    Attributes:
        build_seconds: how long the first use of an environment waits.
        broken: patterns of environments that do not build: of their id, their image, or their packages.
    """

    def __init__(self, world: World) -> None:
        self.build_seconds = 0.0
        self.broken: list[str] = []
        self._world = world
        self._built_at: dict[str, float] = {}

    def ready_at(self, environment: str, now: float) -> float:
        """Return when the image of an environment is there; from its first use on it is being built."""
        return self._built_at.setdefault(environment, now + self.build_seconds)

    def failure(self, environment: str) -> Failure | None:
        """Return why an environment does not build; None when it does."""
        asset = self._world.asset_of(environment)
        described = f"{environment} {asset.properties if asset else ''}"
        if not any(re.search(pattern, described) for pattern in self.broken):
            return None
        return Failure(
            "ImageBuildFailure",
            f"Environment image build failed, environment {environment.rpartition('/environments/')[2]}. "
            f"Check {BUILD_LOG} for details.",
        )


def write_build_log(file: Path) -> None:
    """Write what a build says that fails."""
    steps = [f"Step {number}/{_LINES} : RUN conda env update, part {number}" for number in range(1, _LINES - 1)]
    last = [
        "ERROR: Could not find a version that satisfies the requirement no-such-package==9.9 (from versions: none)",
        ERROR_LINE,
        "CondaEnvException: Pip failed",
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*steps, *last]) + "\n", encoding="utf-8")
