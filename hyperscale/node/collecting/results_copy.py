"""The copy of what a run has published in the output of its step teardown: for the studio, and for jobs that follow.

The store stays the truth: the copy is made after publishing, and names the seal that it is of.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.documents import build
from hyperscale.node.collecting.ledger_reader import read_seals
from hyperscale.node.storing.stores import MissingBlobError, Store

#: Tables of more bytes than this stay in the store alone: an output is written over a network once more.
MOST_BYTES = 5 * 1024**3
#: What a copy is of: the last file that is written into it.
COPIED_FROM = "copied_from.json"


@dataclass(frozen=True)
class ResultsCopy:
    """What `copied_from.json` says of the copy beside it; the run's store keeps the same.

    Attributes:
        run_id, experiment: of the run.
        store: where the run's folder in its store is: a URL, or a path of the machine that the run was on.
        seal: number of the seal that the copy is of; 0 where nothing was seeded.
        files: of the copy, name to size in bytes.
        in_store_only: published files that are not in the copy because all together are too large.
        asset: the data asset that the results became, as `name:version`; empty when they became none.
        problems: what could not be done, for people.
    """

    run_id: str
    experiment: str
    store: str
    seal: int
    files: Mapping[str, int]
    in_store_only: tuple[str, ...] = ()
    asset: str = ""
    problems: tuple[str, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Return what is written, ready for JSON."""
        return asdict(self)


def copy_published(published: Path, output: Path, copy: ResultsCopy, *, most_bytes: int = MOST_BYTES) -> ResultsCopy:
    """Move what a run has published into the `output` of its step; of a large one, run_results.json alone.

    What an earlier life of the run has left there goes first.

    Args:
        published: the folder that the published files are in; it is not needed any more.
        output: a folder, which may be on a network.
        copy: what is known of the copy before.
        most_bytes: of all files together.

    Returns:
        The copy with its files; `finish_copy` says so in the output.

    Raises:
        OSError: when it cannot be written.
    """
    output.mkdir(parents=True, exist_ok=True)
    for name in (COPIED_FROM, *blobs.PUBLISHED, blobs.REPORT):
        (output / name).unlink(missing_ok=True)
    sizes = {name: (published / name).stat().st_size for name in blobs.PUBLISHED if (published / name).exists()}
    left: tuple[str, ...] = ()
    if sum(sizes.values()) > most_bytes:
        left = tuple(name for name in sizes if name != blobs.RUN_RESULTS)
    files = {name: size for name, size in sizes.items() if name not in left}
    for name in files:
        _move(published / name, output / name)
    return replace(copy, files=files, in_store_only=left)


def add_to_copy(output: Path, copy: ResultsCopy, name: str, text: str) -> ResultsCopy:
    """Write a further file into the output, and return the copy with it.

    Raises:
        OSError: when it cannot be written.
    """
    data = text.encode()
    (output / name).write_bytes(data)
    return replace(copy, files={**copy.files, name: len(data)})


def add_later(output: Path, name: str, text: str) -> None:
    """Write a further file into the output of a copy that was finished.

    Raises:
        OSError: when it cannot be written.
    """
    copy = build(ResultsCopy, json.loads((output / COPIED_FROM).read_text(encoding="utf-8")))
    finish_copy(output, add_to_copy(output, copy, name, text))


def finish_copy(output: Path, copy: ResultsCopy) -> None:
    """Say in the output what it holds: who finds that finds the files, too.

    Raises:
        OSError: when it cannot be written.
    """
    (output / COPIED_FROM).write_text(json.dumps(copy.to_document(), indent=1) + "\n", encoding="utf-8")


def note_copy(store: Store, copy: ResultsCopy) -> None:
    """Keep in the run's store what was copied; of one seal, the first copy is kept in mind."""
    store.create(blobs.copy(copy.seal), json.dumps(copy.to_document()).encode())


def read_copy(store: Store) -> ResultsCopy | None:
    """Return the copy of the newest seal that was copied; None when none was."""
    names = store.names(blobs.COPIES)
    if not names:
        return None
    try:
        return build(ResultsCopy, json.loads(store.read(names[-1])))
    except (MissingBlobError, ValueError, TypeError):  # removed meanwhile, or not ours: it says nothing
        return None


def copy_lines(store: Store, copy: ResultsCopy | None) -> Sequence[str]:
    """Return what people should know of the copy: that it is older than what the store has, or is not whole."""
    if copy is None:
        return ()
    seals = read_seals(store)
    lines = [f"data asset: azureml:{copy.asset}"] if copy.asset else []
    if seals and seals[-1].number > copy.seal:
        lines.append(
            f"the output `results` of the job is a copy of seal {copy.seal}, the store has seal {seals[-1].number}: "
            "what is shown here is newer"
        )
    if copy.in_store_only:
        lines.append(f"the output `results` of the job lacks {', '.join(copy.in_store_only)}: too large, in the store")
    return [*lines, *copy.problems]


def _move(source: Path, target: Path) -> None:
    """Rename, or copy the content alone: what a blob container is mounted by knows no modes and times."""
    try:
        source.rename(target)
    except OSError:
        shutil.copyfile(source, target)
