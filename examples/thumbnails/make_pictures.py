"""Makes the input of this example: pictures/, 24 JPEG files of three sizes in two folders.

Their names are what people call pictures: with spaces, quotes, and signs that a shell would act on.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
SIZES = ((640, 480), (480, 640), (800, 300))
NAMES = (
    "plain",
    "two words",
    "it's",
    '"quoted"',
    "$HOME and `date`",
    "; echo no &",
    "semi-colon;",
    "-dash",
    "#1",
    "über",
)


def main() -> None:
    for number in range(24):
        folder = HERE / "pictures" / ("summer" if number % 2 else "winter")
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{NAMES[number % len(NAMES)]} {number:02}.jpg"
        picture(number, SIZES[number % len(SIZES)]).save(folder / name)
    print(f"wrote 24 files in {HERE / 'pictures'}")


def picture(number: int, size: tuple[int, int]) -> Image.Image:
    """Return a gradient, its colour by `number`, so that every picture has a mean brightness of its own."""
    gradient = Image.linear_gradient("L").rotate(15 * number).resize(size)
    return Image.merge("RGB", [gradient.point(lambda grey, by=by: grey * by // 24) for by in (number, 12, 24 - number)])


if __name__ == "__main__":
    main()
