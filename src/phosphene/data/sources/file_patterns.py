"""Files meant by a pattern: *, ?, [] and ** as a shell's, and braces as WebDataset's, {000..127} or {train,val}."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator

from ...picture import SUFFIXES

MOST = 100_000  # names that a pattern in braces may come to
ENDINGS = {
    **dict.fromkeys(SUFFIXES, "picture"),
    ".zip": "zip",
    **dict.fromkeys((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"), "tar"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    ".npz": "npz",
    ".lance": "lance",
    **dict.fromkeys((".txt", ".tsv"), "list"),
}


def kind_of(path: str) -> str | None:
    """What a path's ending says it is."""
    name = os.path.basename(path.rstrip(os.sep)).lower()
    return next((kind for ending, kind in ENDINGS.items() if name.endswith(ending)), None)


def is_pattern(path: str) -> bool:
    return any(sign in path for sign in "*?[{")


def fixed(pattern: str) -> str:
    """The folder that all files of a pattern are below."""
    return os.path.dirname(re.split(r"[*?\[{]", pattern, maxsplit=1)[0]) or "."


def matching_files(pattern: str) -> list[str]:
    """The files that a pattern means, in the order of its braces, then of their names. FileNotFoundError for none."""
    paths: list[str] = []
    for one in braces(pattern):
        paths += sorted(glob.glob(one, recursive=True)) if any(sign in one for sign in "*?[") else [one]
    missing = [path for path in paths if not os.path.exists(path)]
    if len(missing) == len(paths):
        raise FileNotFoundError(f"no file is meant by {pattern!r}")
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of the {len(paths)} files of {pattern!r} are not there: {missing[0]!r}"
        )
    return list(dict.fromkeys(paths))


def braces(pattern: str) -> Iterator[str]:
    """The names that a pattern such as shard-{000..127}.tar or {train,val}.zip stands for."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if not match:
        yield pattern
        return
    for word in _words(match[1], pattern):
        yield from braces(pattern[: match.start()] + word + pattern[match.end() :])


def _words(inner: str, pattern: str) -> list[str]:
    numbers = re.fullmatch(r"(\d+)\.\.(\d+)", inner)
    if not numbers:
        return inner.split(",")
    low, high = int(numbers[1]), int(numbers[2])
    if high - low >= MOST:
        raise ValueError(f"{pattern!r} means more than {MOST:,} files")
    width = len(numbers[1]) if numbers[1].startswith("0") else 0
    return [f"{number:0{width}}" for number in range(low, high + 1)]
