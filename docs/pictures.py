"""Makes the pictures of these pages anew: `python docs/pictures.py [NAME ...]`, from the embedded network.

Each is saved as Phosphene saves it, then packed as WebP; what the file says of how it was made stays in it, so that
`phosphene again docs/pictures/NAME.webp` remakes any of them.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

import phosphene as ph
from phosphene.instrument import Result

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 150_000

net = ph.load()


def photo(name: str) -> ph.Photo:
    return ph.read(f"src/phosphene/photos/{name}.jpg")


PICTURES: dict[str, Callable[[], tuple[Result, dict]]] = {
    "filters": lambda: (ph.filters(net, None), {}),
    "activations": lambda: (ph.activations(net, photo("cat"), "blocks.1"), {"columns": 12}),
    "channel": lambda: (ph.activations(net, photo("coffee"), "blocks.3", channel=42), {}),
    "strongest": lambda: (ph.strongest(net, photo("cat"), "blocks.2", k=4), {}),
    "strongest-coffee": lambda: (ph.strongest(net, photo("coffee"), "blocks.3", k=4), {}),
    "draw": lambda: (ph.draw(net), {}),
    "anatomy": lambda: (ph.anatomy(net, photo("cat"), "conv_stem"), {}),
    "guided": lambda: (ph.guided(net, photo("cat"), ["logits:Egyptian cat", "logits:lynx"]), {}),
    "occlusion": lambda: (ph.occlusion(net, photo("cat"), "logits:Egyptian cat"), {}),
    "check": lambda: (ph.check(net), {}),
}


def pack(saved: Path, target: Path) -> None:
    """The picture as lossy WebP of at most MOST_BYTES, with its record."""
    image = Image.open(saved)
    for quality in range(90, 9, -10):
        image.convert("RGB").save(target, "WEBP", quality=quality, method=6, xmp=image.info["xmp"])
        if target.stat().st_size <= MOST_BYTES:
            return
    raise SystemExit(f"{target.name} is larger than {MOST_BYTES} bytes even at quality 10; draw less")


def main(names: list[str]) -> None:
    os.chdir(ROOT)  # the records then hold paths that are the same on every machine
    with tempfile.TemporaryDirectory() as folder:
        for name in names or PICTURES:
            result, options = PICTURES[name]()
            saved = result.save(Path(folder) / f"{name}.webp", scale=1.5, **options)
            pack(saved, FOLDER / f"{name}.webp")
            print(f"{name}.webp: {(FOLDER / f'{name}.webp').stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
