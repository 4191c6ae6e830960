"""What tests of teardown and collect begin with: runs whose ledger parts, seeds and inputs are written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hyperscale import blobs
from hyperscale.experiment import NodeExperiment
from hyperscale.ledger import Seal, failed_line, succeeded_line, write_part
from hyperscale.node.collecting.chain import Chain
from hyperscale.node.control import SeedRecord, write_manifest, write_seed
from hyperscale.node.reading.readers import input_hash
from hyperscale.node.storing.stores import Store

CREATED_AT = 1_000_000.0
SEALED_AT = CREATED_AT + 40.0
STARTED_AT = CREATED_AT + 1.0


def experiment(
    *,
    key: str | None = None,
    include_input: bool = True,
    formats: Sequence[str] = ("parquet", "csv"),
    max_failed: int | str | None = None,
    max_hours: float = 24,
    max_cost_usd: float | None = None,
) -> NodeExperiment:
    return NodeExperiment.from_document(
        {
            "name": "digits-sweep",
            "input": {"csv": "input.csv", "key": key, "columns": {"depth": "integer"}, "group_by": []},
            "activity": {"entry": "sweep:fit", "no_retry_on": []},
            "limits": {"max_hours": max_hours, "max_failed": max_failed, "max_cost_usd": max_cost_usd},
            "output": {"format": list(formats), "include_input": include_input},
            "log_level": "info",
        }
    )


def write_input(folder: Path, rows: int) -> Path:
    """Write a CSV with the columns id and depth."""
    path = folder / "input.csv"
    path.write_text("id,depth\n" + "".join(f"k{row},{row * 10}\n" for row in range(rows)))
    return path


def seeded(store: Store, rows: int, *, input_path: Path | None = None, key: str | None = None) -> SeedRecord:
    """Write run.json and seed.json of a run whose input `write_input` wrote to `input_path`."""
    plan = {"rows": rows, "consumers": 2, "workers_per_node": 3}
    write_manifest(store, {"run_id": "r", "experiment": "digits-sweep", "created_at": CREATED_AT, "plan": plan})
    record = SeedRecord(
        seed_id="s",
        rows=rows,
        batches=1,
        columns=("id", "depth"),
        types={"id": "string", "depth": "integer"},
        key=key,
        input_hash=input_hash(experiment().input, input_path) if input_path else "",
        seconds=0.1,
    )
    write_seed(store, record)
    return record


def succeeded(row_index: int, result: Any = None, *, attempts: int = 1, consumer: str = "c-1") -> str:
    return succeeded_line(
        row_index,
        attempts=attempts,
        seconds=0.25,
        started_at=STARTED_AT,
        consumer=consumer,
        worker=0,
        result=json.dumps(result),
    )


def failed(row_index: int, message: str = "no", *, attempts: int = 3, consumer: str = "c-1", **failure: Any) -> str:
    why = {"kind": "raised", "type": "ValueError", "message": message, "frames": ["sweep.py:12 fit: raise"]}
    rest = {"exit_code": None, "signal": None, "last_output": None}
    return failed_line(
        row_index,
        attempts=attempts,
        seconds=0.5,
        started_at=STARTED_AT,
        consumer=consumer,
        worker=0,
        failure={**why, **rest, **failure},
    )


def part(store: Store, name: str, lines: Iterable[str]) -> None:
    """Write one ledger part of the consumer `name`."""
    assert store.create(blobs.part(name, 0), write_part(list(lines)))


def sealed(store: Store, rows: int) -> list[Seal]:
    """Make final what is in the ledger, and return all seals."""
    return Chain(store, rows).seal("user: enough", SEALED_AT)
