"""The folder of data sets that the environment names."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "PHOSPHENE_DATA"


def in_folder(file: str) -> Path | None:
    """The file in that folder; None where it is not there, or no folder is named."""
    folder = os.environ.get(FOLDER)
    path = Path(folder).expanduser() / file if folder else None
    return path if path is not None and path.is_file() else None
