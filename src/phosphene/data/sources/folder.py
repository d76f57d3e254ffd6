"""Folders of images, with or without folders for their classes, and lists of files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...picture import labelled
from .item import FILES, Item, Shard
from .listing import cut


def shards(folder: str | os.PathLike[str]) -> list[Shard]:
    """The images in a folder and below it, in the order of their paths."""
    root = Path(folder).resolve()
    pairs = [[path.relative_to(root).as_posix(), label] for path, label in labelled(root)]
    return cut("folder", str(root), pairs, FILES)


def listed(files: Sequence[tuple[str, str | None]]) -> list[Shard]:
    """Files as they were given, with their labels; each once, and those that are not there with the others."""
    paths = {os.path.abspath(path): label for path, label in files}
    if not any(os.path.lexists(path) for path in paths):
        raise FileNotFoundError(
            f"there is no file {next(iter(paths))!r}, nor any other of the {len(paths)} that are named"
        )
    root = os.path.commonpath([os.path.dirname(path) for path in paths])
    pairs = [[Path(os.path.relpath(path, root)).as_posix(), label] for path, label in paths.items()]
    return cut("folder", root, pairs, FILES)


def lines(path: str) -> list[Shard]:
    """The files that a text file names, one a line, each with a tab and its label where it has one.

    Paths are relative to the text file's folder.
    """
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.rstrip("\n").rstrip("\r").split("\t") for line in file if line.strip()]
    if not rows:
        raise ValueError(f"{path!r} is empty; a list of files has one path a line")
    folder = os.path.dirname(os.path.abspath(path))
    files = [(os.path.join(folder, row[0].strip()), (row[1:] or [""])[0].strip() or None) for row in rows]
    try:
        return listed(files)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path!r} was read as a list of files, one a line, and {error}") from None


def items(shard: Shard, start: int = 0) -> Iterator[Item]:
    for index in range(start, len(shard.part["files"])):
        yield item(shard, index)


def item(shard: Shard, index: int, key: str = "") -> Item:
    name, label = shard.part["files"][index]
    return Item(index, name, label, Path(shard.where) / name)
