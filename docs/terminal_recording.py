"""Records commands in a real terminal, and draws them as one animated picture: for `make pictures`.

A shell runs in a pseudo-terminal, its keys are typed here, and pyte, a terminal in memory, reads what it prints. The
screens become one SVG without scripts and without fonts of its own; who asks for less motion sees the last one.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import pyte

COLUMNS, LINES = 100, 24
PROMPT = "$ "
KEY_SECONDS = 0.04
#: The whole recording is played in about this time; a screen stays at least and at most so long, the last one longer.
PLAYED_SECONDS, SHORTEST_SECONDS, LONGEST_SECONDS, LAST_SECONDS = 20.0, 0.1, 1.2, 6.0
#: More screens than this would only make the picture heavy.
MOST_SCREENS = 60
CELL_WIDTH, CELL_HEIGHT, EDGE, BAR = 8.4, 19.0, 14.0, 30.0
COLOURS = {
    "default": "#d7dde4",
    "black": "#5c6773",
    "red": "#ff7b72",
    "green": "#7ee787",
    "brown": "#e3b341",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#76e3ea",
    "white": "#ffffff",
}


@dataclass(frozen=True)
class Look:
    """How a cell is drawn: its colour, and whether it is bold."""

    colour: str
    bold: bool


Line = tuple[tuple[str, Look], ...]
Screen = tuple[Line, ...]


def record(folder: Path, commands: Sequence[str]) -> list[tuple[float, Screen]]:
    """Return the screens of a shell in `folder` while `commands` are typed into it, with their seconds."""
    process, terminal = start_shell(folder)
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    found: list[tuple[float, Screen]] = []
    began = time.monotonic()
    try:
        for command in ("", *commands):
            for key in [*command, "\r"] if command else []:
                os.write(terminal, key.encode())
                take(terminal, stream, KEY_SECONDS)
                found.append((time.monotonic() - began, picture_of(screen)))
            while not ready(screen):
                take(terminal, stream, 0.1)
                found.append((time.monotonic() - began, picture_of(screen)))
    finally:
        os.close(terminal)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return found


def start_shell(folder: Path) -> tuple[int, int]:
    """Start a bash without anybody's settings; return its process and the terminal to it."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        variables = {"PATH": path, "HOME": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8", "PS1": PROMPT}
        os.execve("/bin/bash", ["bash", "--norc", "--noprofile"], variables)  # noqa: S606 - this is the shell
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    return process, terminal


def take(terminal: int, stream: pyte.ByteStream, seconds: float) -> None:
    """Give the screen what comes within `seconds`."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            stream.feed(os.read(terminal, 65536))


def ready(screen: pyte.Screen) -> bool:
    """Return whether the shell waits for a command."""
    return screen.display[screen.cursor.y].rstrip() == PROMPT.rstrip() and screen.cursor.x == len(PROMPT)


def picture_of(screen: pyte.Screen) -> Screen:
    lines = []
    for y in range(LINES):
        cells = [screen.buffer[y][x] for x in range(COLUMNS)]
        runs = itertools.groupby(cells, key=lambda cell: Look(colour_of(cell.fg), cell.bold))
        lines.append(tuple(("".join(cell.data for cell in run), look) for look, run in runs))
    return tuple(lines)


def colour_of(name: str) -> str:
    """Return the colour of the picture for one that pyte names, or gives as six digits."""
    plain = name.removeprefix("bright")
    return COLOURS.get(plain, f"#{name}" if re.fullmatch("[0-9a-f]{6}", name) else COLOURS["default"])


def kept(screens: Sequence[tuple[float, Screen]]) -> list[tuple[float, Screen]]:
    """Return some of the screens, evenly over time, with the seconds that each is shown; the last one is among them."""
    whole = screens[-1][0] - screens[0][0]
    found: list[tuple[float, Screen]] = [screens[0]]
    for at, screen in screens:
        if screen != found[-1][1] and at - found[-1][0] >= whole / MOST_SCREENS:
            found.append((at, screen))
    if found[-1][1] != screens[-1][1]:
        found.append(screens[-1])
    waits = [(after - at) * PLAYED_SECONDS / whole for (at, _), (after, _) in itertools.pairwise(found)]
    shown = [min(max(wait, SHORTEST_SECONDS), LONGEST_SECONDS) for wait in waits]
    return [(seconds, screen) for seconds, (_, screen) in zip([*shown, LAST_SECONDS], found, strict=True)]


def drawn(screens: Sequence[tuple[float, Screen]], title: str) -> str:
    """Return the picture: the screens side by side behind a window, which a list of times moves along."""
    shown = kept(screens)
    width, height = COLUMNS * CELL_WIDTH + 2 * EDGE, LINES * CELL_HEIGHT + 2 * EDGE + BAR
    total = sum(seconds for seconds, _ in shown)
    lines = sorted({line for _, screen in shown for line in screen if text_of(line)}, key=text_of)
    names = {line: f"l{number}" for number, line in enumerate(lines)}
    moves, at = [], 0.0
    for number, (seconds, _) in enumerate(shown):
        moves.append(f"{100 * at / total:.2f}%{{transform:translateX({-number * width:.0f}px)}}")
        at += seconds
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(title)}</title>",
        "<style>",
        "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}",
        ".b{font-weight:700}",
        f".s{{transform:translateX({-(len(shown) - 1) * width:.0f}px)}}",
        f"@media (prefers-reduced-motion:no-preference){{.s{{animation:m {total:.1f}s step-end infinite}}}}",
        f"@keyframes m{{{''.join(moves)}}}",
        "</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#161b22"/>',
        *(
            f'<circle cx="{EDGE + 6 + 20 * n:.0f}" cy="{BAR / 2 + 4:.0f}" r="6" fill="{fill}"/>'
            for n, fill in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ),
        f"<defs>{''.join(line_drawn(line, name) for line, name in names.items())}</defs>",
        f'<svg x="0" y="0" width="{width:.0f}" height="{height:.0f}"><g class="s">',
        *(screen_drawn(screen, number * width, names) for number, (_, screen) in enumerate(shown)),
        "</g></svg></svg>\n",
    ]
    return "\n".join(parts)


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line).rstrip()


def line_drawn(line: Line, name: str) -> str:
    return f'<g id="{name}">{"".join(runs_drawn(line))}</g>'


def runs_drawn(line: Line) -> Iterator[str]:
    """Yield the runs of a line; each has the width of its cells, whatever the font."""
    column = 0
    for text, look in line:
        stripped = text.strip()
        if stripped:
            x = (column + len(text) - len(text.lstrip())) * CELL_WIDTH
            bold = ' class="b"' if look.bold else ""
            yield (
                f'<text x="{x:.1f}" textLength="{len(stripped) * CELL_WIDTH:.1f}" lengthAdjust="spacingAndGlyphs" '
                f'fill="{look.colour}"{bold}>{escape(stripped)}</text>'
            )
        column += len(text)


def screen_drawn(screen: Screen, left: float, names: dict[Line, str]) -> str:
    uses = [
        f'<use href="#{names[line]}" y="{BAR + EDGE + (y + 0.75) * CELL_HEIGHT:.0f}"/>'
        for y, line in enumerate(screen)
        if line in names
    ]
    return f'<g transform="translate({left + EDGE:.0f})">{"".join(uses)}</g>'
