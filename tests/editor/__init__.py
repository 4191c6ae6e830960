"""The language server that editors show YAML with, as a process that tests ask what people would see.

It speaks the Language Server Protocol over its standard streams: https://microsoft.github.io/language-server-protocol.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

PLACE = Path(sys.prefix) / "editor"
PROGRAM = PLACE / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
PATIENCE_SECONDS = 60
#: As an editor has it by default, but that the server may not fetch its catalogue of schemas from the network.
SETTINGS: Mapping[str, Any] = MappingProxyType(
    {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}}
)


class NotInstalledError(Exception):
    """The server is not there; the message says what to do."""


class Editor:
    """An editor with one document after another open in it; a `with` block ends the server."""

    def __init__(self) -> None:
        """Start the server."""
        if not PROGRAM.exists():
            raise NotInstalledError(f"{PROGRAM} is missing: run `python tests/azurite/install.py tests/editor`")
        self._process = subprocess.Popen(
            [PLACE / "node", PROGRAM, "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._received: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._receive, daemon=True).start()
        self._last_id = 0
        capabilities = {
            "workspace": {"configuration": True},
            "textDocument": {"hover": {"contentFormat": ["markdown"]}},
        }
        self._request("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self._send("initialized", {})

    def __enter__(self) -> Editor:
        """Return this editor."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the server."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def open(self, file: Path, text: str | None = None) -> list[str]:
        """Open `file`, or `text` as if it stood there, and return the messages about what is wrong with it."""
        document = {"uri": file.as_uri(), "languageId": "yaml", "version": 1, "text": text or file.read_text("utf-8")}
        self._send("textDocument/didOpen", {"textDocument": document})
        told = self._wait_for(
            lambda message: (
                message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == file.as_uri()
            )
        )
        return [each["message"] for each in told["params"]["diagnostics"]]

    def completions(self, file: Path, line: int, column: int) -> dict[str, str]:
        """Return what is proposed at a place of an open file (from 0), each with its description."""
        found = self._request("textDocument/completion", self._place(file, line, column))
        items = found["items"] if isinstance(found, dict) else found
        return {item["label"]: _text(item.get("documentation") or "") for item in items}

    def hover(self, file: Path, line: int, column: int) -> str:
        """Return what is shown of the word at a place of an open file (from 0)."""
        found = self._request("textDocument/hover", self._place(file, line, column))
        return _text(found["contents"]) if found else ""

    def _place(self, file: Path, line: int, column: int) -> dict[str, Any]:
        return {"textDocument": {"uri": file.as_uri()}, "position": {"line": line, "character": column}}

    def _request(self, method: str, parameters: Mapping[str, Any]) -> Any:
        self._last_id += 1
        self._send(method, parameters, id=self._last_id)
        answer = self._wait_for(lambda message: message.get("id") == self._last_id and "method" not in message)
        assert "error" not in answer, answer
        return answer["result"]

    def _wait_for(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            message = self._received.get(timeout=PATIENCE_SECONDS)
            if "method" in message and "id" in message:  # the server asks: for settings, or to register something
                asked = message["params"].get("items", ()) if message["method"] == "workspace/configuration" else None
                result = None if asked is None else [SETTINGS.get(item.get("section"), {}) for item in asked]
                self._write({"id": message["id"], "result": result})
            elif is_it(message):
                return message

    def _send(self, method: str, parameters: Mapping[str, Any], **more: Any) -> None:
        self._write({"method": method, "params": parameters, **more})

    def _write(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        length = 0
        for line in iter(stream.readline, b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            elif line == b"\r\n":
                self._received.put(json.loads(stream.read(length)))


def _text(shown: Any) -> str:
    return shown["value"] if isinstance(shown, dict) else str(shown)
