"""A large picture as a pyramid of tiles, with a page to move and zoom in it.

The finest level is the picture cut into tiles of 256 pixels; each level above has half the pixels a side, down to one
tile. Tiles are made depth first, each from the four below it, so that memory holds a few of them, however large the
picture. They are `tiles/LEVEL/COLUMN/ROW.webp`, level 0 the whole; those with nothing in them are not written.

The page is one file without anything from elsewhere. It opens from the disk.
"""

from __future__ import annotations

import base64
import html
import json
import math
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...picture import THEMES

SIZE = 256  # pixels of a tile
QUALITY = 86
MARK = "<!-- phosphene mosaic -->"  # by which a folder is known as one of ours

Stretch = Callable[[int, int, int], np.ndarray | None]


def pyramid(folder: Path, width: int, height: int, stretch: Stretch, record: Mapping[str, Any]) -> Path:
    """Writes the pyramid of a picture into a folder, whole or not at all, and returns its page's path.

    `stretch(left, top, size)` gives a square (size, size, 4) of the picture, or None where it is empty; `record` goes
    into the page. A pyramid that stands there is replaced. ValueError for a folder that holds other things,
    FileNotFoundError where its own folder is not there.
    """
    if folder.exists() and not _ours(folder):
        raise ValueError(f"{str(folder)!r} holds other things; name a folder of its own for the mosaic's tiles")
    if not folder.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(folder.parent)!r} to make {folder.name!r} in; make it first")
    levels = depth(width, height)
    with tempfile.TemporaryDirectory(prefix=".mosaic-", dir=folder.absolute().parent) as spare:
        new = Path(spare) / "new"
        new.mkdir()
        there = _write(new / "tiles", levels, width, height, stretch)
        data = {**record, "width": width, "height": height, "size": SIZE, "levels": levels, "there": there}
        (new / "index.html").write_text(page(data), encoding="utf-8")
        if folder.exists():
            shutil.move(folder, Path(spare) / "old")
        new.rename(folder)
    return folder / "index.html"


def depth(width: int, height: int) -> int:
    """The finest level's number: the picture halved so often fits into one tile."""
    return max(0, math.ceil(math.log2(max(width, height) / SIZE)))


def holds(folder: Path) -> bool:
    """Whether a pyramid stands in the folder."""
    page = folder / "index.html"
    return page.is_file() and MARK in page.read_text(encoding="utf-8", errors="replace")[:200]


def _ours(folder: Path) -> bool:
    return folder.is_dir() and (not any(folder.iterdir()) or holds(folder))


def _write(folder: Path, levels: int, width: int, height: int, stretch: Stretch) -> list[str]:
    """Writes all tiles; which there are: a level's bits in base64, row by row, the first the highest of its byte."""
    columns = [math.ceil(width / (SIZE << (levels - level))) for level in range(levels + 1)]
    rows = [math.ceil(height / (SIZE << (levels - level))) for level in range(levels + 1)]
    is_written = [np.zeros((row, column), bool) for row, column in zip(rows, columns, strict=True)]

    def make(level: int, column: int, row: int) -> np.ndarray | None:
        if column >= columns[level] or row >= rows[level]:
            return None
        if level == levels:
            tile = stretch(column * SIZE, row * SIZE, SIZE)
        else:
            tile = _joined([make(level + 1, 2 * column + right, 2 * row + down) for down in (0, 1) for right in (0, 1)])
        if tile is not None:
            is_written[level][row, column] = True
            path = folder / str(level) / str(column) / f"{row}.webp"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(tile if (tile[..., 3] < 255).any() else np.ascontiguousarray(tile[..., :3]))
            image.save(path, "WEBP", quality=QUALITY, method=3)
        return tile

    make(0, 0, 0)
    return [base64.b64encode(np.packbits(bits).tobytes()).decode("ascii") for bits in is_written]


def _joined(parts: list[np.ndarray | None]) -> np.ndarray | None:
    """Four tiles (above left, above right, below left, below right) as one of half the scale."""
    if all(part is None for part in parts):
        return None
    whole = np.zeros((2 * SIZE, 2 * SIZE, 4), np.uint8)
    for index, part in enumerate(parts):
        if part is not None:
            down, right = divmod(index, 2)
            whole[down * SIZE : (down + 1) * SIZE, right * SIZE : (right + 1) * SIZE] = part
    return halved(whole)


def halved(pixels: np.ndarray) -> np.ndarray:
    """Means of 2 × 2 pixels (h, w, 4), colours weighed by their alpha."""
    high, wide = pixels.shape[0] // 2, pixels.shape[1] // 2
    fours = pixels.reshape(high, 2, wide, 2, 4).astype(np.uint32)
    alpha = fours[..., 3:]
    total = alpha.sum((1, 3))
    colours = ((fours[..., :3] * alpha).sum((1, 3)) + total // 2) // np.maximum(total, 1)
    return np.concatenate([colours, (total + 2) // 4], -1).astype(np.uint8)


def page(data: Mapping[str, Any]) -> str:
    """The page: its style, its script and the data in it."""
    parts = {name: (resources.files(__package__) / f"viewer.{name}").read_text(encoding="utf-8") for name in
             ("html", "css", "js")}  # fmt: skip
    light, dark = ("".join(f"--{role}:{colour};" for role, colour in THEMES[name].items()) for name in THEMES)
    filled = {
        "MARK": MARK,
        "TITLE": html.escape(data["title"]),
        "SUBTITLE": html.escape(data["subtitle"]),
        "CAPTION": html.escape(data["caption"]),
        "MAP": html.escape(data["map"]),
        "STYLE": parts["css"].replace("LIGHT", light).replace("DARK", dark),
        "SCRIPT": parts["js"],
        "DATA": json.dumps(dict(data), ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/"),
    }
    return re.sub(
        r"\{\{ ([A-Z]+) \}\}", lambda match: filled[match[1]], parts["html"]
    )  # in one go: data may hold anything
