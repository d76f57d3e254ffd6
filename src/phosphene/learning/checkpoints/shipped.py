"""Learned systems that come with Phosphene, by name: small ones, so that everything can be tried at once."""

from __future__ import annotations

import os
from pathlib import Path

from .card import CARD

TRAINED = Path(__file__).parents[1] / "trained"


def shipped() -> list[str]:
    """Their names."""
    return sorted(path.parent.name for path in TRAINED.glob(f"*/{CARD}"))


def folder_of(spec: str | os.PathLike[str]) -> Path:
    """The folder that a path names, or a shipped system's name where nothing of one's own has that name."""
    path = Path(spec).expanduser()
    if not path.exists() and str(spec) in shipped():
        return TRAINED / str(spec)
    return path
