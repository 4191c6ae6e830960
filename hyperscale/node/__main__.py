"""The command line of a node: `python -m hyperscale.node seed|gate|consume|teardown`, as the components call it."""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - the image's Python is not ours to choose
    sys.exit(
        "hyperscale needs Python 3.10 or newer, the image's `python` is "
        + sys.version.split()[0]
        + ": set environment.python in experiment.yaml to the path of a newer interpreter of the image"
    )

import argparse
import logging
import os
import signal
import threading
from collections.abc import Sequence
from importlib.abc import MetaPathFinder

from hyperscale.errors import EXIT_BUG, ExperimentError, HyperscaleError
from hyperscale.log_lines import fields
from hyperscale.node.step_log import begin_log, is_local

logger = logging.getLogger("hyperscale.node")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step; return its exit code."""
    values = _parser().parse_args(arguments)
    _end_with_the_run()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    begin_log(values.step, values.experiment, os.environ)
    try:
        logger.info(
            "%s begins", values.step, extra=fields("began", step=values.step, run_id=values.run_id or values.run_name)
        )
        code = _step(values, stop)
        logger.info("%s is done", values.step, extra=fields("done", step=values.step, exit_code=code))
        return code
    except HyperscaleError as error:
        for problem in error.problems if isinstance(error, ExperimentError) else ():
            print(problem, file=sys.stderr)
        print(f"error: {error}", file=sys.stderr)
        if error.hint:
            print(f"  hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    except Exception:
        logger.exception("this is a bug of hyperscale", extra=fields("bug"))
        return EXIT_BUG


def _step(values: argparse.Namespace, stop: threading.Event) -> int:
    """Run the step; each one is imported only where it runs: consumers need neither pyarrow nor orjson."""
    if values.install_at_start and not is_local(os.environ):
        from hyperscale.node.install import install

        install(values.install_at_start)
    hide_heavy_modules()
    if values.step == "seed":
        from hyperscale.node.seed_step import run_seed

        # A seed holds nothing that must be given back: the next one starts again (rule 1).
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return run_seed(values)
    if values.step == "gate":
        from hyperscale.node.gate_step import run_gate

        return run_gate(values, stop)
    if values.step == "consume":
        from hyperscale.node.consume_step import run_consume

        return run_consume(values, stop)
    from hyperscale.node.teardown_step import run_teardown

    return run_teardown(values, stop)


def hide_heavy_modules() -> None:
    """Hide what libraries import where it is installed, and no step uses: that takes longer than many a run.

    pyarrow imports pandas to see that a list is no series of it; the SDK of storage imports aiohttp for its async
    clients. Workers, which have processes of their own, find both.
    """
    sys.meta_path.insert(0, _WithoutHeavyModules())


class _WithoutHeavyModules(MetaPathFinder):
    def find_spec(self, name: str, *_: object) -> None:
        if name in ("pandas", "aiohttp"):
            raise ModuleNotFoundError(f"no step uses {name}", name=name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hyperscale.node", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    for step in ("seed", "gate", "consume", "teardown"):
        command = steps.add_parser(step)
        run = command.add_mutually_exclusive_group(required=True)
        run.add_argument("--run-id", default="", help="auto: that of the pipeline job")
        run.add_argument("--run-name", default="", help="of a component, which tells the runs of one pipeline apart")
        for name in ("--queue", "--store", "--experiment"):
            command.add_argument(name, required=True)
        command.add_argument("--install-at-start", default="", help="requirements, separated by spaces")
        if step in ("seed", "gate"):
            command.add_argument("--seeded", required=True, help="output folder that consumers bind to")
        if step == "gate":
            continue
        command.add_argument("--lease-seconds", type=float, required=True)
        command.add_argument("--input", default="", help="file, or folder, that holds the rows")
        if step != "consume":
            command.add_argument("--consumers", type=int, required=True, help="how many are planned")
        if step == "seed":
            command.add_argument("--rows-per-message", type=int, required=True)
            command.add_argument("--workers-per-node", type=int, required=True)
        if step == "consume":
            command.add_argument("--workers", type=int, required=True)
            command.add_argument("--seeded", default="", help="output folder of the seed")
            command.add_argument("--mount", action="append", default=[], metavar="NAME=PATH")
        if step == "teardown":
            command.add_argument("--results", default="", help="output folder that gets a copy of the results")
        if step != "consume":
            command.add_argument("--clusters", default="none", help="that the run owns, separated by commas")
            command.add_argument("--owner-tag", default="", help="NAME=VALUE that those clusters are tagged with")
            command.add_argument("--control-cluster", default="", help="where teardown runs, and gates")
            command.add_argument("--seed-cluster", default="", help="where seed runs")
            command.add_argument("--usd-per-node-hour", default="unknown", help="list price of a consumer's node")
            command.add_argument("--usd-per-control-hour", default="unknown", help="list price of a node of this step")
    return parser


def _end_with_the_run() -> None:
    """Where a run on one machine holds our stdin open: end at once when it is gone, as hard as kill -9."""
    if not is_local(os.environ):
        return

    def listen() -> None:
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=listen, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
