"""What the kinds of sources have in common: stretches of names and of rows, and what is new in them.

Sources of files tell the name of each in their shards' `files`; sources of rows have a `start` and a `stop`. Both grow
without a number that was given being given again: what is new comes in shards of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ...picture import SUFFIXES
from .item import FILES, Shard


def cut(kind: str, where: str, files: Sequence[list[Any]], most: int = FILES, **part: Any) -> list[Shard]:
    """The files, each a list that begins with its name, in shards of at most `most`."""
    return [Shard(kind, where, {"files": list(files[at : at + most]), **part}) for at in range(0, len(files), most)]


def unlisted(listed: Sequence[Shard], old: Sequence[Shard], most: int | None = None) -> list[Shard]:
    """Shards of the files that none of the known ones has, of at most as many files as the listed ones have."""
    most = most or max((len(shard.part["files"]) for shard in listed), default=FILES)
    old_files: set[str] = set()
    for shard in old:
        prefix = f"{shard.kind} {real(shard.where)}/"
        old_files.update(prefix + file[0] for file in shard.part.get("files", ()))
    rest: dict[tuple[str, str], list[list[Any]]] = {}
    parts: dict[tuple[str, str], dict[str, Any]] = {}
    for shard in listed:
        archive, prefix = (shard.kind, shard.where), f"{shard.kind} {real(shard.where)}/"
        new = [file for file in shard.part["files"] if prefix + file[0] not in old_files]
        rest.setdefault(archive, []).extend(new)
        parts[archive] = {key: value for key, value in shard.part.items() if key != "files"}
    return [
        shard for (kind, where), files in rest.items() for shard in cut(kind, where, files, most, **parts[kind, where])
    ]


def stretches(kind: str, where: str, count: int, most: int = FILES, **part: Any) -> list[Shard]:
    """`count` rows in shards of at most `most`."""
    return [Shard(kind, where, {"start": at, "stop": min(at + most, count), **part}) for at in range(0, count, most)]


def beyond(listed: Sequence[Shard], old: Sequence[Shard]) -> list[Shard]:
    """Shards of the rows that come after those of the known ones."""
    reached: dict[str, int] = {}
    for shard in old:
        if "stop" in shard.part:
            reached[_table(shard)] = max(reached.get(_table(shard), 0), shard.part["stop"])
    result = []
    for shard in listed:
        start = max(shard.part["start"], reached.get(_table(shard), 0))
        if start < shard.part["stop"]:
            result.append(replace(shard, part={**shard.part, "start": start}))
    return result


def _table(shard: Shard) -> str:
    identity = {key: value for key, value in shard.part.items() if key not in ("start", "stop", "name")}
    return repr((shard.kind, real(shard.where), sorted(identity.items())))


def real(where: str) -> str:
    """A path without links, so that a place is the same by whichever of its names; what is no path as it is."""
    return os.path.realpath(where) if os.path.isabs(where) else where


def steps(name: str) -> list[str]:
    """The folders on the way to a member of an archive, and its own name."""
    return [step for step in name.replace("\\", "/").split("/") if step not in ("", ".", "..")]


def is_image_name(name: str) -> bool:
    """Whether a member's name is an image's, and none that is hidden or that macOS adds."""
    way = steps(name)
    if not way or name.endswith("/") or not name.lower().endswith(SUFFIXES):
        return False
    return not any(step.startswith(".") or step == "__MACOSX" for step in way)


def classes(names: Iterable[str]) -> list[str | None]:
    """The class that each image's folder names: the first folder, below those that all of them lie in."""
    ways = [steps(name) for name in names]
    above = 0
    while (
        ways
        and all(len(way) > above + 1 for way in ways)
        and any(len(way) > above + 2 for way in ways)
        and len({way[above] for way in ways}) == 1
    ):
        above += 1
    return [way[above] if len(way) > above + 1 else None for way in ways]


def sentence(error: BaseException) -> str:
    """The first line of what another library's error says, without the full stop, to stand in brackets."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".")[:300] if lines else type(error).__name__
