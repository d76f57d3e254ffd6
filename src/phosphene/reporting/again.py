"""How each picture is made again, as a line of Python and as a command.

Both are written from the result's own account, so they hold what was really asked for; options that were not given are
left out. A network that Python code built has no command, only the line of Python.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..network import Network
from ..picture import Photo

EMBEDDED = "efficientnet_lite0"  # what opens where no network is named


@dataclass(frozen=True)
class Made:
    """How a picture was made: in words, in Python, and as a command ('' where there is none)."""

    words: str
    python: str
    command: str


def made(
    network: Network,
    instrument: str,
    photo: Photo | None = None,
    layer: str | None = None,
    options: Mapping[str, Any] | None = None,
    picture: Mapping[str, Any] | None = None,
) -> Made:
    """How `instrument` was called on the network, and its result drawn with `picture`."""
    options, picture = dict(options or {}), dict(picture or {})
    arguments = ["network", *(["photo"] if photo else []), *([repr(layer)] if layer else []), *_keywords(options)]
    words = [f"instrument {instrument}", *([f"layer {layer}"] if layer else [])]
    words += [f"{name} {value}" for name, value in {**options, **picture}.items()]
    return Made(
        words=", ".join(words) + ".",
        python=f"ph.{instrument}({', '.join(arguments)}).picture({', '.join(_keywords(picture))})",
        command=command(network, instrument, layer, photo, {**options, **picture}),
    )


def command(
    network: Network, name: str, layer: str | None, photo: Photo | None, options: Mapping[str, Any] | None = None
) -> str:
    """The command for a network that a name opens and a photo that is a file."""
    if network.spec is None or (photo is not None and photo.path is None):
        return ""
    words = ["phosphene", name, *([layer] if layer else []), *([str(photo.path)] if photo else [])]
    if network.spec != EMBEDDED:
        words += ["--network", network.spec]
    if head := network.opening.get("head"):
        words += ["--head", head]
    for option, value in (options or {}).items():
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words += [f"--{option.replace('_', '-')}", str(one)]
    return shlex.join(words)


def script(network: Network, photo: Photo, atlas: str | None = None) -> str:
    """The lines of Python that open the network and the photo and write the report."""
    spec = network.spec
    how = [
        *([] if spec == EMBEDDED else [repr(spec)]),
        *_keywords({k: v for k, v in network.opening.items() if k == "head"}),
    ]
    opened = f"ph.load({', '.join(how)})" if spec else "ph.Network(module)  # yours"
    read = repr(photo.path) if photo.path else "..."
    lines = ["import phosphene as ph", "", f"network = {opened}", f"photo = ph.read({read})"]
    more = "" if atlas is None else f", atlas={atlas!r}"
    return "\n".join([*lines, f'ph.report(network, photo, "report.html"{more})'])


def _keywords(options: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value!r}" for name, value in options.items()]
