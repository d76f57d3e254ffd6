"""The run that stands in a folder already: may a new one begin there, and is it the one to go on with?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .card import CARD
from .resuming import run_of


def former_run(folder: Path, resume: bool) -> dict[str, Any] | None:
    """The run to go on with. ValueError for a folder that can't be written into."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; a learned system is written into a folder of its own")
    run = run_of(folder) if folder.is_dir() else None
    if resume:
        if run is None:
            raise ValueError(f"{folder} holds no training to go on with")
        return run
    if run is not None:
        raise ValueError(
            f"{folder} holds a training that was stopped; go on with resume=True (--resume), or name another"
        )
    if folder.is_dir() and any(folder.iterdir()):
        what = "a learned system" if (folder / CARD).exists() else "other files"
        raise ValueError(f"{folder} holds {what} already; name a folder that is empty or not there")
    return None


def steps_of(former: Mapping[str, Any], run: Mapping[str, Any], folder: Path) -> int:
    """How many steps the stopped run was to take, where all else is as it was. ValueError for what differs."""
    same = json_like(run)
    for part in ("system", "config", "data", "seed"):
        if former[part] != same[part]:
            raise ValueError(f"the training in {folder} was of another {part}: {former[part]}, not {same[part]}")
    steps = int(former["recipe"]["steps"])
    rest = {**former["recipe"], "steps": 0}, {**same["recipe"], "steps": 0}
    if rest[0] != rest[1]:
        wrong = next(name for name in rest[0] if rest[0][name] != rest[1].get(name))
        raise ValueError(f"the training in {folder} had {wrong} {rest[0][wrong]}, not {rest[1].get(wrong)}")
    return steps


def json_like(value: Any) -> Any:
    """The value as it comes back from JSON."""
    if isinstance(value, Mapping):
        return {str(name): json_like(part) for name, part in value.items()}
    return [json_like(part) for part in value] if isinstance(value, (list, tuple)) else value
