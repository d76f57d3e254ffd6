"""What was given as a source, told apart: a path, a pattern, a name with its kind in front, or images in Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from ...picture import Photo, photos
from . import broken, folder, named, tar_archive, zip_archive
from .file_patterns import ENDINGS, fixed, is_pattern, kind_of, matching_files
from .item import Shard
from .tables import array_file, datasets_set, lance_table, mapped, memory, parquet_file

INSIDE = ("parquet", "tar", "zip", "npz", "lance")  # what is looked for in a folder without images
SOURCES = "a folder, an archive, a table, a list of files or a data set"


def shards_of(source: Any) -> list[Shard]:
    """The shards of a source as it was given.

    Raises FileNotFoundError, ValueError, LookupError or TypeError, with a sentence, for what is none.
    """
    if isinstance(source, (str, os.PathLike)):
        return _of_text(os.fsdecode(source))
    if isinstance(source, (list, tuple)):
        return _of_list(source)
    if isinstance(source, (Photo, bytes)) or hasattr(source, "getbands"):
        raise TypeError(f"a source is many images; put the {type(source).__name__} into a list: [image]")
    if isinstance(source, dict) or not (hasattr(source, "__len__") and hasattr(source, "__getitem__")):
        raise TypeError(f"a source of images is {SOURCES}, not {type(source).__name__}")
    if isinstance(getattr(source, "ndim", None), int):
        return memory.shards(_row_of_pictures(source))
    return mapped.shards(datasets_set.with_bytes(source))


def _row_of_pictures(array: Any) -> Any:
    """An array or tensor, checked. ValueError for one image alone."""
    shape = tuple(array.shape)
    one = len(shape) == 3 and shape[0 if hasattr(array, "detach") else 2] in (1, 3, 4)
    if len(shape) not in (3, 4) or one:
        raise ValueError(f"an array {shape} is no row of images; put one image alone into a list: [image]")
    return array


def _of_list(source: Sequence[Any]) -> list[Shard]:
    """Paths, each a source of its own; files with their labels; or images."""
    if source and all(isinstance(one, (str, os.PathLike)) for one in source):
        paths = [os.path.expanduser(os.fsdecode(one)) for one in source]
        if all(kind_of(path) == "picture" for path in paths):
            return folder.listed([(path, None) for path in paths])
        if all(os.path.isfile(path) for path in paths):
            return _of_files(paths, os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths]))
        return [shard for path in paths for shard in _of_text(path)]
    if source and all(isinstance(one, tuple) and len(one) == 2 and _is_path(one[0]) for one in source):
        return folder.listed(
            [(os.path.expanduser(path), None if label is None else str(label)) for path, label in source]
        )
    return memory.shards(source)


def _is_path(one: Any) -> bool:
    return isinstance(one, (str, os.PathLike))


def _of_text(text: str) -> list[Shard]:
    if named.kind_in(text):
        return named.shards(text)
    if "://" in text:
        raise ValueError(f"{text!r} is a web address; Phosphene downloads no images: save them and give their path")
    path = os.path.expanduser(text)
    if os.path.isdir(path):
        return _of_folder(path)
    if os.path.exists(path):
        return _of_file(path)
    if is_pattern(path):
        files = [file for one in matching_files(path) for file in _pictures_in(one)]
        return _of_files([one for one in files if kind_of(one) not in (None, "list")] or files, fixed(path))
    if os.path.lexists(path):
        raise FileNotFoundError(f"the source {text!r} is a link that leads nowhere")
    kinds = ", ".join(f"{kind}:" for kind in named.KINDS)
    raise FileNotFoundError(f"there is no {text!r}; a source is {SOURCES}, or has its kind in front: {kinds}")


def _of_folder(path: str) -> list[Shard]:
    """A folder's images; of one without any, the tables or archives below it."""
    if kind_of(path) == "lance":
        return _of_file(path)
    if datasets_set.is_saved(path):
        return datasets_set.shards(path)
    try:
        return folder.shards(path)
    except ValueError as error:
        paths = list(_below(path))
        for kind in INSIDE:
            of_kind = [one for one in paths if kind_of(one) == kind]
            if of_kind:
                return lance_table.shards(path) if kind == "lance" else _of_files(of_kind, path)
        raise ValueError(f"{str(error).rstrip('.')}; nor does it hold archives or tables of pictures") from None


def _pictures_in(path: str) -> list[str]:
    """The images of a folder that a pattern means; any other path, and a folder without images, as it is."""
    if not os.path.isdir(path) or kind_of(path):
        return [path]
    try:
        return [str(one) for one in photos(path)]
    except ValueError:
        return [path]


def _below(path: str) -> Iterator[str]:
    """The files below a folder, and the tables that are folders, in the order of their paths."""
    for parent, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in sorted(names) if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in folders if name.endswith(".lance"))
        folders[:] = [name for name in folders if not name.endswith(".lance")]


def _of_files(paths: Sequence[str], root: str) -> list[Shard]:
    """Files below `root` that were asked for together: all images, or each a source."""
    if all(kind_of(path) == "picture" for path in paths):
        return folder.listed([(path, _first_step(path, root)) for path in paths])
    answers: list[list[Shard] | Exception] = []
    for path in paths:
        try:
            answers.append(_of_folder(path) if os.path.isdir(path) and not kind_of(path) else _of_file(path, root))
        except (ValueError, LookupError, OSError) as error:
            answers.append(error)
    return broken.instead(paths, answers)


def _first_step(path: str, root: str) -> str | None:
    """The class that an image's folder below `root` names."""
    steps = os.path.relpath(path, root).split(os.sep)
    return steps[0] if len(steps) > 1 else None


def _of_file(path: str, root: str | None = None) -> list[Shard]:
    """A file by its ending; where others are below the same root, its way from there is part of its images' keys."""
    kind, where = kind_of(path), os.path.abspath(path)
    name = os.path.relpath(path, root).replace(os.sep, "/") if root else os.path.basename(path)
    above = f"{name}/" if root else ""
    if kind == "picture":
        return folder.listed([(path, None)])
    if kind == "zip":
        return zip_archive.shards(where, above)
    if kind == "tar":
        return tar_archive.shards(where, above)
    if kind == "parquet":
        return parquet_file.shards(where, name)
    if kind == "npz":
        return array_file.shards(where)
    if kind == "list":
        return folder.lines(where)
    if kind == "lance":
        return lance_table.shards(os.path.dirname(where), os.path.basename(where).removesuffix(".lance"))
    raise ValueError(f"{path!r} is not known as a source by its ending; those are {', '.join(ENDINGS)}")
