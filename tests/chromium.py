"""A headless Chromium for tests of pages, driven over a pipe in its DevTools protocol: no network, no library.

https://chromedevtools.github.io/devtools-protocol/ has the methods and events that are named here.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

#: What the program is called: Debian, other distributions, Google's own.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_SECONDS = 120.0
#: It reads orders from descriptor 3 and answers on 4 (--remote-debugging-pipe): both first go out of the way of these.
LAUNCHER = """
import fcntl, os, sys
away = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for descriptor, number in zip(away, (3, 4)):
    os.dup2(descriptor, number)
os.execvp(sys.argv[3], sys.argv[3:])
"""
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, and open our own pages alone
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    # Whatever would leave this machine finds nobody.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:9",
    "--remote-debugging-pipe",
)


def find_chromium() -> str | None:
    """Return the path of the program, or None where there is none."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Chromium:
    """A browser with one page.

    Attributes:
        said: what the page wrote to its console, exceptions included.
        requests: the addresses that the page asked for, its own included.
    """

    def __init__(self, program: str, folder: Path) -> None:
        """Start it, with its profile in `folder`."""
        self.said: list[str] = []
        self.requests: list[str] = []
        self._numbers, self._loaded, self._received = 0, False, b""
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                LAUNCHER,
                str(theirs_in),
                str(theirs_out),
                program,
                *FLAGS,
                f"--user-data-dir={folder}",
            ],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._session: str | None = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self._session = None
        try:
            self._send({"id": 0, "method": "Browser.close"})
            self._process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        finally:
            os.close(self._out)
            os.close(self._in)

    def open(
        self, file: Path, *, width: int = 1200, height: int = 900, dark: bool = False, phone: bool = False
    ) -> None:
        """Open a file of this machine on a screen of that size, and wait until it is loaded and drawn."""
        self.said.clear()
        self.requests.clear()
        self.screen(width, height, phone=phone)
        self.dark(dark)
        self._loaded = False
        self.ask("Page.navigate", url=file.absolute().as_uri())
        self._until(lambda: self._loaded)
        self.settle()

    def screen(self, width: int, height: int, *, phone: bool = False) -> None:
        """Make the screen so large."""
        ratio = 2 if phone else 1
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=ratio, mobile=phone
        )

    def dark(self, is_dark: bool) -> None:
        """Say which colours the person wants."""
        value = "dark" if is_dark else "light"
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def settle(self) -> None:
        """Wait for two frames: what was asked for is drawn."""
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression comes to in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and let go a key, such as ArrowRight or Tab."""
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9, "Home": 36, "End": 35}
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])

    def picture(self, file: Path) -> None:
        """Write a picture of the whole page to `file`."""
        file.write_bytes(
            base64.b64decode(self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"])
        )

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send an order, and return its answer."""
        self._numbers += 1
        number, answers = self._numbers, []
        order: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        self._send({**order, "sessionId": self._session} if self._session else order)
        self._until(
            lambda: bool(answers), lambda message: answers.append(message) if message.get("id") == number else None
        )
        if "error" in answers[0]:
            raise AssertionError(f"{method}: {answers[0]['error']}")
        return dict(answers[0]["result"])

    def _send(self, message: dict[str, Any]) -> None:
        os.write(self._out, json.dumps(message).encode() + b"\0")

    def _until(
        self, is_enough: Callable[[], bool], take: Callable[[dict[str, Any]], Any] = lambda message: None
    ) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_enough():
            if not select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise AssertionError("Chromium does not answer")
            data = os.read(self._in, 1 << 20)
            if not data:
                raise AssertionError(f"Chromium has ended: {self._process.wait()}")
            *messages, self._received = (self._received + data).split(b"\0")
            for message in map(json.loads, messages):
                self._note(message)
                take(message)

    def _note(self, message: dict[str, Any]) -> None:
        told, about = message.get("method"), message.get("params", {})
        if told == "Page.loadEventFired":
            self._loaded = True
        elif told == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif told == "Runtime.consoleAPICalled":
            self.said.append(f"{about['type']}: {[part.get('value') for part in about['args']]}")
        elif told == "Runtime.exceptionThrown":
            self.said.append(str(about["exceptionDetails"]))
        elif told == "Log.entryAdded":
            self.said.append(f"{about['entry']['level']}: {about['entry']['text']}")
