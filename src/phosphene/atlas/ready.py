"""A small atlas to try things on: images that installed packages contain, and the embedded network.

    python -m phosphene.atlas.ready ready.atlas

The pictures are those of scikit-image (where it is installed), scikit-learn and Phosphene itself. They are few, so each
is kept whole and in nine pieces of half its height and width, three a row, which overlap; its name is their label.
Pieces of one picture are alike, so a unit's name here says which picture it answers to, and little more.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

from ..network import load
from ..picture import SUFFIXES, Photo, read
from .atlas import Atlas
from .store.store import Store

PIECES = 3  # a row and a column of a picture's pieces
TWINS = ("chelsea.png", "motorcycle_right.png", "chessboard_GRAY.png")  # of pictures that are there under other names
SMALLEST = 160  # pixels of a picture's shorter side
LAYERS = (
    "conv_stem", "blocks.0", "blocks.1", "blocks.2", "blocks.2.0.bn1.batch_norm", "blocks.3",
    "blocks.4.0.bn1.batch_norm", "blocks.4", "blocks.5", "bn2.batch_norm", "logits",
)  # fmt: skip  # blocks, those that a report shows, and classes


def shipped() -> list[Path]:
    """The images that installed packages contain, by name."""
    folders = [Path(str(resources.files("phosphene") / "photos"))]
    for package, inside in (("skimage", "data"), ("sklearn", "datasets/images")):
        module_spec = importlib.util.find_spec(package)
        if module_spec is not None and module_spec.origin is not None:
            folders.append(Path(module_spec.origin).parent / inside)
    files = [file for folder in folders if folder.is_dir() for file in folder.iterdir() if file.suffix in SUFFIXES]
    by_label = {file.stem: file for file in reversed(files) if file.name not in TWINS}  # ours before others' of a name
    return [by_label[label] for label in sorted(by_label)]


def pieces(photo: Photo, across: int = PIECES) -> Iterator[Photo]:
    """The photo, and overlapping pieces of half its height and width, so many a row and a column."""
    yield photo
    height, width = photo.height // 2, photo.width // 2
    for row in range(across):
        for column in range(across):
            top, left = (photo.height - height) * row // (across - 1), (photo.width - width) * column // (across - 1)
            yield photo.crop((left, top, left + width, top + height))


def gather(folder: Path) -> int:
    """Writes the pictures and their pieces into a folder of class folders, as far as they are not there; how many."""
    count = 0
    for file in shipped():
        try:
            photo = read(file)
        except (ValueError, OSError):
            continue
        if min(photo.height, photo.width) < SMALLEST:
            continue
        label = file.stem.replace("_", " ")
        class_folder = folder / label
        class_folder.mkdir(parents=True, exist_ok=True)
        for index, piece in enumerate(pieces(photo)):
            path = class_folder / (f"{label}.jpg" if index == 0 else f"{label} {index}.jpg")
            count += 1
            if not path.exists():
                piece.pil().save(path, quality=92)
    return count


def ready(path: Path, layers: Sequence[str] = LAYERS) -> Atlas:
    """The atlas at `path`, of the pictures that are put into it; what is there already is not made again."""
    Store(path, create=True)  # first, so that the folder is known as an atlas
    gather(path / "pictures")
    return Atlas.build(load(), path / "pictures", path, layers=layers, k=9)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m phosphene.atlas.ready", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("path", type=Path, help="where the atlas is to be: a folder")
    print(ready(parser.parse_args(arguments).path).info())


if __name__ == "__main__":
    main()
