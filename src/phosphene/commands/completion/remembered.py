"""Names of layers, remembered between two presses of TAB, as opening a network to ask for them takes seconds.

They are kept in the user's cache, by the network's spec, for as long as the libraries that build the networks stay the
same. A cache that can't be read or written is as good as none.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from importlib import metadata
from pathlib import Path

from ... import __version__

BUILDERS = ("torch", "torchvision", "timm")


def cache_file() -> Path:
    """$XDG_CACHE_HOME/phosphene/layers.json, or the same under ~/.cache."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "phosphene" / "layers.json"


def recall(spec: str) -> list[str] | None:
    """The names of the layers of the network that `spec` names; None if they are not remembered."""
    return _every().get(spec)


def remember(spec: str, names: list[str]) -> None:
    """Keeps the names; the file is replaced as a whole, so that nobody reads half of it."""
    text = json.dumps({"versions": _versions(), "layers": {**_every(), spec: names}})
    with contextlib.suppress(OSError, RuntimeError):
        file = cache_file()
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, encoding="utf-8", delete=False) as temporary:
            temporary.write(text)
        os.replace(temporary.name, file)


def _every() -> dict[str, list[str]]:
    with contextlib.suppress(OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError):
        stored = json.loads(cache_file().read_text(encoding="utf-8"))
        if stored["versions"] == _versions():
            return {spec: [str(name) for name in names] for spec, names in stored["layers"].items()}
    return {}


def _versions() -> dict[str, str]:
    """Of Phosphene and of what builds networks, asked of their packages without importing them."""
    versions = {"phosphene": __version__}
    for name in BUILDERS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
