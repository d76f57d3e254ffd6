"""Sources that have moved: where a shard lies, whether that is still there, and the same shard at another place."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from .item import Shard
from .tables.datasets_set import PATHS

AT_PATHS = ("folder", "zip", "tar", "parquet", "lance", "npz", "broken")  # the kinds whose `where` is a path


def path_of(shard: Shard) -> str | None:
    """The file or folder, or URL, that a shard is read from; None for images in Python and data sets by name."""
    if shard.kind in AT_PATHS:
        return shard.where
    if shard.kind == "torchvision":
        return shard.where.partition("@")[2] or None
    return shard.where if shard.kind == "datasets" and os.path.isabs(shard.where) else None


def gone(shard: Shard) -> str | None:
    """The path that a shard is read from, where nothing is there any more."""
    path = None if shard.kind == "broken" else path_of(shard)  # of which only the reason is read
    return path if path and os.path.isabs(path) and not os.path.exists(path) else None


def moved(shard: Shard, old: str, new: str) -> Shard:
    """The shard as it is where all that was at or below `old` is at `new`; the same where it does not lie there."""
    if shard.kind == "torchvision":
        name, at, root = shard.where.partition("@")
        return replace(shard, where=name + at + _below(root, old, new))
    if shard.kind == "datasets":
        options = {key: _below(text, old, new) if key in PATHS else text for key, text in shard.part["options"].items()}
        return Shard(shard.kind, _below(shard.where, old, new), {**shard.part, "options": options})
    where = _below(shard.where, old, new) if shard.kind in AT_PATHS else shard.where
    if where == shard.where:
        return shard
    if shard.kind == "folder":
        where = os.path.realpath(where)  # as it is listed
    return Shard(shard.kind, where, {**shard.part, **_stamp(shard, where)})


def _below(path: str, old: str, new: str) -> str:
    """The path, with `new` for the `old` that it begins with; both are without a slash at their end."""
    return new.rstrip("/") + path[len(old) :] if path == old or path.startswith(old + "/") else path


def _stamp(shard: Shard, where: str) -> dict[str, Any]:
    """When a tar there was changed, so that it is not listed again; copying an archive may change that."""
    if shard.kind != "tar" or not os.path.exists(where):
        return {}
    status = os.stat(where)
    return {"changed": status.st_mtime_ns} if status.st_size == shard.part["bytes"] else {}
