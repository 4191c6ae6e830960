"""What every test stands on: no network, no skipped test in CI, and the command line as a function."""

from __future__ import annotations

import ipaddress
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import forking
import pytest
from command_line import Command
from profiles import load_profile

from hyperscale import tempo

if TYPE_CHECKING:
    from azurite import Azurite
    from emulator import Emulator, StorageService

ROOT = Path(__file__).resolve().parent.parent
#: The fixture `wording`.
pytest_plugins = ("wordings",)
#: How many times as fast as by default the product looks and tries again, where it is started as a whole.
TEMPO = "10"
NETWORK_EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.sendmsg")


#: Python 3.10 warns of what it has left open itself, or closed without a note of it; 3.11 does not: the answer of a
#: proxy that lets nobody through (HTTPConnection._tunnel), TLS that the other side ended (_SSLProtocolTransport).
OPEN_IN_PYTHON_3_10 = (r"unclosed <socket\.socket \[closed\]", r"unclosed transport <asyncio\.sslproto")


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(refuse_the_network)
    for said in OPEN_IN_PYTHON_3_10 if sys.version_info < (3, 11) else ():
        config.addinivalue_line("filterwarnings", f"ignore:{said}:ResourceWarning")
    # Ctrl-C is ignored in what a shell starts in the background, and so in every program that tests would interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Else each of some thousand processes compiles what it imports: images of CI often forbid to write bytecode.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    load_profile()
    if forking.VARIABLE not in os.environ:  # the processes of xdist have those of the one that starts them
        config.add_cleanup(forking.Programs().close)


def refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise when a test reaches for another machine: tests of Azure run against doubles on this one."""
    if event not in NETWORK_EVENTS:
        return
    place = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    host = place[0] if isinstance(place, tuple) else place if event == "socket.getaddrinfo" else None
    if isinstance(host, (str, bytes)) and not is_this_machine(host):
        raise AssertionError(f"a test reached for the network: {event} to {host!r}")


def is_this_machine(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    return failed_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    return failed_in_ci((yield))


def failed_in_ci(report: Any) -> Any:
    """Turn a skip into a failure where nobody would notice it."""
    if os.environ.get("CI") and report.outcome == "skipped":
        report.outcome, report.longrepr = "failed", f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests of whole commands and runs wait for a tenth of the time; units have the product's own defaults."""
    if request.path.is_relative_to(ROOT / "tests" / "acceptance"):
        monkeypatch.setenv(tempo.VARIABLE, TEMPO)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture
def hyperscale() -> Command:
    """Runs `hyperscale ARGUMENTS` in `folder` as a user would; returns what it said and its exit code."""

    def run(*arguments: str | Path, folder: Path, timeout_seconds: float = 120) -> subprocess.CompletedProcess[str]:
        words = list(map(str, arguments))
        return forking.run_command(words, folder=folder, environment=os.environ, timeout_seconds=timeout_seconds)

    return run


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Storage over http, for clients with a connection string."""
    with new_azurite(tmp_path_factory.mktemp("azurite"), with_tokens=False) as running:
        yield running


@pytest.fixture(scope="session")
def azurite_with_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Storage over https, for clients with a credential that trust its `authority`."""
    with new_azurite(tmp_path_factory.mktemp("azurite_with_tokens"), with_tokens=True) as running:
        yield running


def new_azurite(folder: Path, *, with_tokens: bool) -> Azurite:
    from azurite import Azurite, NotInstalledError

    try:
        return Azurite(folder, with_tokens=with_tokens)
    except NotInstalledError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture(scope="session")
def storage_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageService]:
    """Where the emulators of this process have their storage accounts, each its own."""
    from azurite import NotInstalledError
    from emulator import StorageService

    try:
        service = StorageService(tmp_path_factory.mktemp("storage"))
    except NotInstalledError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    with service as running:
        yield running


@pytest.fixture
def azure(tmp_path: Path, storage_service: StorageService) -> Iterator[Emulator]:
    """An Azure of the test's own; the test fails if the product breaks a rule of it."""
    from emulator import Emulator

    with Emulator(tmp_path / "azure", storage_service) as running:
        yield running


@pytest.fixture
def still(azure: Emulator) -> Emulator:
    """An Azure that takes jobs and begins none of them."""
    azure.execution.submit = lambda job: None  # type: ignore[method-assign]
    return azure
