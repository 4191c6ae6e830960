"""Makes the pictures of README.md anew, from a run of the root experiment: `make pictures`; it takes some minutes.

pictures/terminal.svg is a recording of the commands, pictures/report.png the report of that run in Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from terminal_recording import drawn, record

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
COMMANDS = ("hyperscale validate", "hyperscale run", "hyperscale results")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Of the report, its upper part; the picture is this large.
WIDTH, HEIGHT = 1100, 860
COLOURS = 96


def main() -> None:
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if browser is None:
        sys.exit("the picture of the report needs Chromium (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="ada-") as folder:
        home = Path(folder) / "digits"
        shutil.copytree(ROOT / "examples" / "digits-sweep", home / "examples" / "digits-sweep")
        for name in ("experiment.yaml", "schema.json"):
            shutil.copy(ROOT / name, home)
        screens = record(home, COMMANDS)
        (PICTURES / "terminal.svg").write_text(drawn(screens, f"A terminal: {', '.join(COMMANDS)}"), "utf-8")
        photograph(browser, next(home.glob(".hyperscale/runs/*/report.html")), PICTURES / "report.png")


def photograph(browser: str, page: Path, picture: Path) -> None:
    """Write what `browser` shows of `page`, with few colours: a PNG of a tenth of the size."""
    window = f"--window-size={WIDTH},{HEIGHT}"
    flags = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--virtual-time-budget=5000",
        window,
    )
    shot = picture.with_suffix(".new.png")
    subprocess.run([browser, *flags, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True)
    with Image.open(shot) as image:
        image.convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    shot.unlink()


if __name__ == "__main__":
    main()
