"""Which GPUs of a node each worker sees: found without CUDA, and shared out by the worker's index.

A worker is told by the environment variable CUDA_VISIBLE_DEVICES, before its interpreter starts: libraries read it
once, when they first touch a GPU. Names are whatever CUDA takes: an index, or GPU-... and MIG-... of nvidia-smi
(https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
_DEVICE_FILE = re.compile(r"nvidia[0-9]+")
_LISTED = re.compile(r"^GPU [0-9]+: ", re.MULTILINE)
#: nvidia-smi takes seconds to wake a sleeping driver; one that hangs must not hold up the consumer.
_LIST_SECONDS = 30.0


def list_with_nvidia_smi() -> str:
    """Return what `nvidia-smi -L` prints, a line a GPU; nothing where there is no such program."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=_LIST_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def find_gpus(
    environ: Mapping[str, str], device_folder: Path = Path("/dev"), listing: Callable[[], str] = list_with_nvidia_smi
) -> tuple[str, ...]:
    """Return the names of the GPUs that this process may use.

    Args:
        environ: its CUDA_VISIBLE_DEVICES is the last word on that, if it is set.
        device_folder: else the device files of the driver are counted, nvidia0, nvidia1: a container has only its own.
        listing: else, where the driver has no such files, this is asked.
    """
    visible = environ.get(VISIBLE)
    if visible is not None:
        return visible_names(visible)
    files = sum(1 for file in device_folder.glob("nvidia*") if _DEVICE_FILE.fullmatch(file.name))
    return tuple(map(str, range(files or len(_LISTED.findall(listing())))))


def visible_names(visible: str) -> tuple[str, ...]:
    """Return the names in a value of CUDA_VISIBLE_DEVICES; as in CUDA, those before an invalid one such as -1."""
    names: list[str] = []
    for name in visible.split(","):
        if not name.strip() or name.strip().startswith("-"):
            break
        names.append(name.strip())
    return tuple(names)


def share_gpus(gpus: Sequence[str], workers: int) -> tuple[str, ...]:
    """Return the CUDA_VISIBLE_DEVICES of each of so many workers; nothing when there are no GPUs to share.

    More workers than GPUs take turns, so that each GPU has as many workers as any other, or one more; with fewer
    workers each has several GPUs of its own.
    """
    if not gpus:
        return ()
    return tuple(",".join(gpus[index % len(gpus) :: workers]) for index in range(workers))
