"""Which pattern in an image caused this activation? (M. Zeiler and R. Fergus, 2013, figure 2)

A unit answers most to some place of a photo. What it can have seen there is its receptive field R; what of it mattered
is the signal that runs back from that one place to the pixels (`projecting`):

    place    (photo, row, column) = argmax of the channel's activation, at most one place a photo
    pattern  signal[R]  beside  photo[R]

Photos are looked at one at a time: of each only the channels' largest activations, their means and places are kept, so
that a folder may hold any number of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...input_photo import peaks, photo_of, units_of
from ...instrument import Result, instrument
from ...instrument.roles import ImageSet, LayerName
from ...network import Address, Box, Network
from ...picture import Sheet, files, read
from ..maps.fixed_units import whole
from .patterns_picture import sheet_of
from .projecting import Pattern, PhotoUnit, projected
from .rectifiers import Mask
from .reversing import Reversal
from .unpooling import Pooling, Reading


@dataclass(frozen=True, eq=False, kw_only=True)
class Patterns(Result):
    """The patterns of a layer's units, the strongest unit first and each unit's strongest place first."""

    network: str
    layer: str
    method: str
    receptive_field: str  # of the layer, in words
    units: tuple[tuple[Pattern, ...], ...] = field(repr=False)
    looked_at: tuple[str, ...]  # the names of all photos that places were chosen from
    place: tuple[int, int] | None = None  # row and column, where one place was asked about
    unreadable: tuple[str, ...] = ()  # a sentence for each file that is no photo

    def sheet(
        self, *, range: str = "symmetric:99.5", per: Literal["tile", "unit", "picture"] = "tile", page: int = 1
    ) -> Sheet:
        """For each unit, the parts of the photos that it sees and, beside them, its projections to the pixels.

        - `range`: how a signal's values become colours: symmetric (zero is mid-grey), symmetric:b (cut at the b-th
          percentile of the magnitudes), minmax, percentile:low:high or low:high
        - `per`: whether each signal has its own range, those of a unit share one, or all do
        - `page`: which page of twelve units, from 1
        """
        return sheet_of(self, range, per, page)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layer": self.layer,
            "method": self.method,
            "receptive_field": self.receptive_field,
            "place": None if self.place is None else list(self.place),
            "photos": list(self.looked_at),
            "unreadable": list(self.unreadable),
            "units": [
                {
                    "unit": f"{patterns[0].address.layer}:{patterns[0].address.channel}",
                    "patterns": [
                        {
                            "address": str(pattern.address),
                            "value": pattern.value,
                            "photo": pattern.photo.name,
                            "sees": list(pattern.box.as_tuple()) if isinstance(pattern.sees, Box) else None,
                            "largest": float(pattern.signal.abs().max()),
                            "outside": pattern.outside,
                        }
                        for pattern in patterns
                    ],
                }
                for patterns in self.units
            ],
        }


@instrument
def patterns(
    network: Network,
    images: ImageSet,
    layer: LayerName,
    *,
    units: int = 9,
    patches: int = 9,
    relu: Mask | None = None,
    pooling: Pooling = "places",
    reading: Reading = "sum",
) -> Patterns:
    """Which pattern in the photo caused a unit's activation: what the unit sees, and its projection to the pixels.

    Takes any number of photos, files and folders. For several photos, each unit shows those with its highest
    activations, at its strongest place; files that can't be read are left out and named. Raises LookupError for a layer
    that does not exist and if the network has nothing that the options change, ValueError for a layer without a grid of
    places and if no file can be read.

    - `layer`: which layer's strongest units, one channel ('blocks.2:17'), or the units that answer most at one place,
      row and column from 0 ('blocks.2@5,6'); `phosphene layers` lists them
    - `units`: how many units
    - `patches`: how many photos for each unit, at most
    - `relu`: the mask on the signal at rectifiers, as in `reverse`: both (guided backprop), backward (deconvnet),
      forward (gradient) or none; if not given, both where there are rectifiers before the layer, else the gradient
    - `pooling`: where max pooling sends the signal: places (those of the maxima) or the centre of each window
    - `reading`: where windows overlap: sum of their signals, or overwrite (the last window's signal)
    """
    whole(units, "units", 1)
    whole(patches, "patches", 1)
    unreadable: list[str] = []
    following = _opened(images, unreadable)
    first = next(following, None)
    if first is None:
        raise ValueError(f"none of the {len(unreadable)} files can be read as a photo; the first: {unreadable[0]}")
    address = units_of(network, first[1], layer)
    layer, channel, place = address.layer, None if address.channel is None else int(address.channel), address.place
    answers = [_answered(network, source, image, layer, place) for source, image in chain([first], following)]
    x = network.inputs(first[1])
    flat = network.layer(layer, (int(x.shape[-2]), int(x.shape[-1]))).layout is None
    photo_units = _strongest(answers, layer, channel, units, patches, flat)
    reversal = Reversal(relu or "forward", pooling, reading)
    if relu is None and rectified(network, x, layer):
        reversal = Reversal("both", pooling, reading)
    projections = iter(projected(network, [photo_unit for unit in photo_units for photo_unit in unit], reversal))
    return Patterns(
        network=network.name, layer=str(address), method=str(reversal), place=place,
        receptive_field=str(network.layer(layer, (int(x.shape[-2]), int(x.shape[-1]))).field),
        units=tuple(tuple(next(projections) for _ in unit) for unit in photo_units),
        looked_at=tuple(one.name for one in answers), unreadable=tuple(unreadable),
    )  # fmt: skip


def rectified(network: Network, x: Tensor, layer: str) -> bool:
    """Whether a rectifier is met on the way from the input `x` to the layer."""
    try:
        with torch.no_grad():
            network.record(x[:1], layer, rules=Reversal("both").rules())
    except LookupError:  # the layer is there: what is missing is a rectifier
        return False
    return True


@dataclass(frozen=True, eq=False)
class _Answers:
    """How a layer's channels answer to one image, at their strongest places or at the one asked about."""

    source: Any  # the photo, input (1, C, H, W), or the file that holds it
    name: str
    largest: np.ndarray  # (channels,)
    mean: np.ndarray  # (channels,)
    at: np.ndarray  # (channels, 2): where the largest is


def _opened(images: Any, unreadable: list[str]) -> Iterator[tuple[Any, Any]]:
    """Photos, or inputs (1, C, H, W), one by one, each after what it was given as; broken files are noted instead."""
    if isinstance(images, Tensor):
        yield from ((one, one) for one in (images.split(1) if images.ndim == 4 else [images]))
        return
    for one in files(images):
        try:
            yield one, read(one)
        except (ValueError, OSError) as error:
            unreadable.append(str(error))


def _answered(network: Network, source: Any, image: Any, layer: str, place: tuple[int, int] | None) -> _Answers:
    with torch.no_grad():
        maps = network.maps(image, layer)[0].double().cpu().numpy()
    name, mean = photo_of(network, image)[0].name, maps.mean((1, 2))
    if place is None:
        return _Answers(source, name, maps.max((1, 2)), mean, peaks(maps))
    network.address(Address(layer, place=place), network.inputs(image).shape[-2:])  # its map may be smaller
    return _Answers(source, name, maps[:, place[0], place[1]], mean, np.tile(place, (len(maps), 1)))


def _strongest(
    answers: Sequence[_Answers], layer: str, channel: int | None, units: int, patches: int, flat: bool
) -> list[list[PhotoUnit]]:
    """For each of the strongest units its strongest places, at most one an image.

    Channels are ordered by their largest activation, then by their mean; images alike.
    """
    values, mean = (
        np.stack(parts) for parts in ([answer.largest for answer in answers], [answer.mean for answer in answers])
    )
    best = np.lexsort((-mean.mean(0), -values.max(0)))[:units] if channel is None else [channel]
    opened_photos: dict[int, Any] = {}  # each image that is shown is opened once more
    result: list[list[PhotoUnit]] = []
    for unit in map(int, best):
        photo_units: list[PhotoUnit] = []
        for index in np.lexsort((-mean[:, unit], -values[:, unit]))[:patches]:
            answer = answers[index]
            if index not in opened_photos:
                opened_photos[index] = read(answer.source) if isinstance(answer.source, Path) else answer.source
            row, column = answer.at[unit].tolist()
            photo_units.append((opened_photos[index], Address(layer, unit, None if flat else (row, column))))
        result.append(photo_units)
    return result
