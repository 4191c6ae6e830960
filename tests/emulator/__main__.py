"""Starts an emulated Azure by hand and says how to use it; Ctrl-C ends it: `make azure-emulator`."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import tempfile
import threading
from pathlib import Path

from emulator.emulator import Emulator, EmulatorError
from emulator.storage import StorageService

#: By hand one wants to see the phases that take minutes in Azure.
PROVISION_SECONDS = 5
DELETE_SECONDS = 5
TRY = """
# The emulated Azure is up. Paste the lines above into another shell, and these:

hyperscale init emulated && cd emulated
echo '{config}' > config.json
sed -i 's|^compute:.*|&{identities}|' experiment.yaml
hyperscale doctor           # who you are, what you may do, quota, storage
hyperscale plan --azure     # what would be made, and what it would cost
hyperscale submit           # make it, after you have said yes
hyperscale runs             # the id of the run, for the next ones
hyperscale watch RUN        # look at it
hyperscale results RUN      # what came out
hyperscale gc               # is anything left?

# Requests are listed here. Ctrl-C ends it, and forgets everything.
"""


def main() -> int:
    # What `make` needed to find this package is nothing for the product.
    os.environ.pop("PYTHONPATH", None)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with (
            tempfile.TemporaryDirectory(prefix="emulated-azure-") as folder,
            StorageService(Path(folder) / "storage", pairs=1) as service,
            Emulator(Path(folder) / "azure", service) as azure,
        ):
            run(azure, stop)
    except EmulatorError as problems:
        sys.stderr.write(f"Azure would not have taken this:\n{problems}\n")
        return 1
    return 0


def identity_lines(azure: Emulator) -> str:
    """Return the lines of `compute` that name both identities, as sed takes them in place of a line's end."""
    directory = azure.world.directory
    lines = []
    for indent, identity in (("  ", directory.run_identity), ("    ", directory.control_identity)):
        lines += [f"{indent}identity: {identity.path}", f"{indent}identity_client_id: {identity.client_id}"]
    lines.insert(2, "  control:")
    return "".join(f"\\n{line}" for line in lines)


def run(azure: Emulator, stop: threading.Event) -> None:
    """Say how to use it, then list its requests until `stop` is set."""
    azure.world.timing.provision_seconds = PROVISION_SECONDS
    azure.world.timing.delete_seconds = DELETE_SECONDS
    for name, value in azure.environment().items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.write(f"export PATH={shlex.quote(str(Path(sys.prefix) / 'bin'))}:$PATH\n")
    names = ("subscription_id", "resource_group", "workspace_name")
    config = json.dumps({name: getattr(azure, name) for name in names})
    sys.stdout.write(TRY.format(config=config, identities=identity_lines(azure)))
    sys.stdout.flush()
    seen = 0
    while not stop.wait(0.5):
        for request in azure.requests[seen:]:
            seen += 1
            sys.stderr.write(f"{request.status} {request.method} {request.path}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
