"""The options that the command line adds to an instrument's: how each is written, and its default."""

from __future__ import annotations

from typing import Any

from .. import options as shared
from .. import terminal as show

NETWORK: dict[str, tuple[Any, Any]] = {
    "architecture": (shared.Architecture, None),
    "weights": (shared.Weights, None),
    "seed": (shared.Seed, 0),
    "head": (shared.Head, None),
    "device": (shared.Device, None),
}
ATLAS: dict[str, tuple[Any, Any]] = {
    "network": (shared.AtlasSpec, None),
    "architecture": (shared.Architecture, None),
    "weights": (shared.Weights, None),
    "device": (shared.Device, None),
    "trust": (shared.Trust, False),
}
OUTPUT: dict[str, tuple[Any, Any]] = {
    "out": (show.Out, None),
    "theme": (show.Theme, show.ThemeName.light),
    "scale": (show.Scale, None),
    "json": (show.Json, False),
    "open": (show.Open, False),
}
