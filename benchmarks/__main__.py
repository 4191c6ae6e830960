"""Measures hyperscale beside its peers: `python benchmarks [TOPIC ...] [--write]` prints tables."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import busy
import noop
import sizes
import storage
import tail
import whole
from tables import PAGE, machine, write

TOPICS = {
    "noop": noop.measure,
    "whole": whole.measure,
    "busy": busy.measure,
    "seed": sizes.measure_seed,
    "memory": sizes.measure_whole,
    "tail": tail.measure,
    "storage": storage.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)} (default: all)")
    parser.add_argument("--write", action="store_true", help=f"keep what was measured in docs/{PAGE.name}")
    arguments = parser.parse_args()
    unknown = set(arguments.topics) - set(TOPICS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(TOPICS)}")
    # Where Python may keep no bytecode, each step of each run would compile all of its modules again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(f"Measured on {machine()}; load {os.getloadavg()[0]:.1f} at the start.\n", flush=True)
    for topic in arguments.topics or TOPICS:
        print(f"{topic} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            section = TOPICS[topic](Path(folder).resolve())
        print(section, flush=True)
        if arguments.write:
            write([section])


if __name__ == "__main__":
    main()
