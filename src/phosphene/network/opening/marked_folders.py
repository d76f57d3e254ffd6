"""Folders that parts of Phosphene above this one write: each is told by a file in it, and opened by whoever wrote it.

The table is fixed here, so that no file decides which code runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from .source import Source

MARKS = {
    "card.json": "phosphene.learning.opened:as_source",
    "resume.safetensors": "phosphene.learning.opened:as_source",
}
LEARNED = "learned"  # 'learned:NAME' is a learned system that comes with Phosphene
TRAINED = Path(__file__).parents[2] / "learning" / "trained"


def open_shipped(name: str, architecture: Any) -> Source:
    """The learned system of that name, whatever lies in the working folder. LookupError where none is shipped."""
    there = sorted(path.parent.name for path in TRAINED.glob("*/card.json"))
    opener = marked(str(TRAINED / name)) if name in there else None
    if opener is None:
        raise LookupError(f"no learned system {name!r} comes with phosphene; there are {', '.join(there)}")
    return replace(opener(str(TRAINED / name), architecture), spec=f"{LEARNED}:{name}")


def marked(folder: str) -> Callable[[str, Any], Source] | None:
    """Who opens the folder, given an architecture or None; None where no file in it says so."""
    for file, place in MARKS.items():
        if (Path(folder) / file).is_file():
            module, _, name = place.partition(":")
            opener: Callable[[str, Any], Source] = getattr(import_module(module), name)
            return opener
    return None
