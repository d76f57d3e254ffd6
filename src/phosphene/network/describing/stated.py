"""Which class the name of a photo's file, or of its folder, says that it is of."""

from __future__ import annotations

import re
from pathlib import Path

from ..labels import Labels

_SYNSET = re.compile(r"(\d{4})_n\d{8}\.\w+$")


def stated_class(labels: Labels, path: Path, folder: str | None) -> int:
    """The class that a file's name (0207_n02099601.jpg) or its sub-folder states; -1 for none."""
    if synset := _SYNSET.search(path.name):
        return int(synset[1])
    if folder is None:
        return -1
    for text in (folder, folder.replace("_", " ")):
        try:
            return labels.index(text)
        except LookupError:
            continue
    return -1
