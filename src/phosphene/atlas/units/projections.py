"""What in its patches a unit answered to: the signal that runs back from it to the pixels of each of them.

A patch holds all that the unit can have seen there; the signal (M. Zeiler and R. Fergus, 2013) says which of these
pixels its answer came from. It is drawn on the very pixels of the patch, so that the two can be laid side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...attribution.reversed.patterns import rectified
from ...attribution.reversed.patterns_picture import coloured
from ...attribution.reversed.projecting import Pattern, projected
from ...attribution.reversed.reversing import Reversal
from ...network import Address, Network
from ...picture import Photo, Range, compact, map_range, windowed
from .patch import Patch

RULE = "symmetric:99.5"  # how a signal's values become colours, each in its own range
SAME = 1e-3  # of the unit's value: with more between the stored value and the one now, the photo is another


@dataclass(frozen=True, eq=False)
class Projections:
    """The signals of some patches of one unit, and how they were computed."""

    patterns: tuple[Pattern | None, ...] = field(repr=False)  # None where the photo is not there any more
    missing: tuple[str, ...] = ()  # a sentence for each of these photos
    method: str = ""  # in words


def projections_of(network: Network, patches: Sequence[Patch], unit: Address) -> Projections:
    """The signal of each patch whose photo is still there: guided backprop, or the gradient without rectifiers."""
    photos: list[Photo | None] = []
    missing = []
    for patch in patches:
        try:
            photos.append(patch.photo())
        except (OSError, LookupError, ValueError) as error:
            photos.append(None)
            missing.append(str(error))
    readable = [(photo, patch) for photo, patch in zip(photos, patches, strict=True) if photo is not None]
    if not readable:
        return Projections((None,) * len(patches), tuple(missing))
    layered = network.layer(unit.layer).layout is not None
    photo_units = [
        (photo, Address(unit.layer, unit.channel, (patch.row, patch.column) if layered else None))
        for photo, patch in readable
    ]
    reversal = Reversal("both" if rectified(network, network.inputs(readable[0][0]), unit.layer) else "forward")
    signals = iter(projected(network, photo_units, reversal))
    patterns = tuple(None if photo is None else next(signals) for photo in photos)
    return Projections(patterns, tuple(missing), str(reversal))


def in_colours(pattern: Pattern) -> tuple[np.ndarray, Range]:
    """A signal as pixels of the part of the input that it has, and the range of its values that the colours show."""
    values = pattern.signal.detach().double().cpu().numpy()
    limits = map_range(values.reshape(1, -1), RULE, "picture").ranges[0]
    return coloured(values, limits), limits


def changed(pattern: Pattern, patch: Patch, largest: float = 0.0) -> str:
    """What is to be said where the unit's value is not the one that the atlas holds; '' where it is."""
    if abs(pattern.value - patch.value) <= SAME * max(abs(patch.value), abs(largest), 1e-6):
        return ""
    return f"now {compact(pattern.value)}: the photo has changed"


def on_the_patch(pattern: Pattern, patch: Patch, size: tuple[int, int]) -> tuple[np.ndarray, Range]:
    """The signal in colours on the pixels that `patch.pixels()` shows, `size` (height, width) of them, as RGB.

    Outside what the unit sees the signal is zero, and so is its colour.
    """
    pixels, limits = in_colours(pattern)
    photo = pattern.photo
    shown, box = patch.frame.to_input(patch.box.round().clip(photo.height, photo.width)), pattern.box
    edges = (shown.left - box.left, shown.top - box.top, shown.right - box.left, shown.bottom - box.top)
    drawn = windowed(pixels, edges, size)
    zero = coloured(np.zeros((len(pattern.signal), 1, 1)), limits)[0, 0]
    return np.where(drawn[..., 3:] > 0, drawn[..., :3], zero), limits
