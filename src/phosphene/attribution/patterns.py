"""Which pattern in an image caused this activation? (M. Zeiler and R. Fergus, 2013, figure 2)

A unit answers most to some place of a photo. What it can have seen there is its receptive field R; what of it mattered
is the signal that starts with 1 at that one place, 0 everywhere else, and runs back to the pixels through the reversed
network (`reversing`). Outside R that signal is exactly zero, so the part inside is all of it:

    place    (photo, row, column) = argmax of the channel's activation, at most one place a photo
    pattern  signal[R]  beside  photo[R]

`patterns` chooses units and places; `projected` runs places back that someone has chosen, however they were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..instrument import Result, instrument
from ..network import UNKNOWN, WHOLE, Address, Box, Extent, Frame, Network
from ..picture import Photo, Picture
from ..showing import of_channel, peaks, photo_of
from .rectifiers import Mask
from .reversing import Reversal, signals
from .unpooling import Pooling, Reading

IMAGES_AT_ONCE = 8

Place = tuple[Any, str | Address]  # a photo, or an input (1, C, H, W), and the address of a unit on it


@dataclass(frozen=True, eq=False)
class Pattern:
    """One place of one unit on one photo, and the signal that runs back from it."""

    address: Address
    name: str  # the address in words, with a class's name
    value: float  # of the unit there
    signal: Tensor = field(repr=False)  # (C, height, width) of `box`, in the input's pixels
    box: Box  # the part of the input that is kept: what the unit sees, or all of it
    sees: Box | Extent  # WHOLE, or UNKNOWN where it can't be told
    outside: float  # the largest magnitude of the signal outside `box`: 0
    photo: Photo = field(repr=False)
    frame: Frame = field(repr=False)

    @property
    def window(self) -> Box:
        """The box in the photo's pixels; padding is left out."""
        return self.frame.to_photo(self.box)


@dataclass(frozen=True, eq=False, kw_only=True)
class Patterns(Result):
    """The patterns of a layer's units, the strongest unit first and each unit's strongest place first."""

    network: str
    layer: str
    method: str
    receptive_field: str  # of the layer, in words
    units: tuple[tuple[Pattern, ...], ...] = field(repr=False)
    looked_at: tuple[str, ...]  # the names of all photos that places were chosen from

    def picture(
        self, *, range: str = "symmetric:99.5", per: Literal["tile", "unit", "picture"] = "tile", page: int = 1
    ) -> Picture:
        """For each unit the parts of the photos that it sees, and beside them the signals that run back from there.

        - `range`: how a signal's values become colours: symmetric (zero is mid-grey), symmetric:b (cut at the b-th
          percentile of the magnitudes), minmax, percentile:low:high or low:high
        - `per`: whether each signal has its own range, those of a unit share one, or all do
        - `page`: which page of twelve units, from 1
        """
        from .patterns_picture import drawing

        made, caption, ranges = drawing(self, range, per, page)
        return self.drawn(made, caption, ranges, range=range, per=per, page=page)

    def to_dict(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "layer": self.layer,
            "method": self.method,
            "receptive_field": self.receptive_field,
            "photos": list(self.looked_at),
            "units": [
                {
                    "unit": f"{found[0].address.layer}:{found[0].address.channel}",
                    "patterns": [
                        {
                            "address": str(pattern.address),
                            "value": pattern.value,
                            "photo": pattern.photo.name,
                            "sees": list(pattern.box.as_tuple()) if isinstance(pattern.sees, Box) else None,
                            "largest": float(pattern.signal.abs().max()),
                            "outside": pattern.outside,
                        }
                        for pattern in found
                    ],
                }
                for found in self.units
            ],
        }


@instrument
def patterns(
    network: Network,
    images: Any,
    layer: str,
    *,
    units: int = 9,
    patches: int = 9,
    relu: Mask | None = None,
    pooling: Pooling = "places",
    reading: Reading = "sum",
) -> Patterns:
    """Which pattern caused a unit's activation: what it sees of the photo, and its projection back from that one place.

    Of several photos each unit shows those that it answers most to, at its strongest place. Raises LookupError for a
    layer that is not there or a reversal that meets nothing, ValueError for a layer without a grid of places.

    - `layer`: which layer's strongest units, or one channel ('blocks.2:17'); `phosphene layers` lists them
    - `units`: how many units
    - `patches`: how many photos for each unit, at most
    - `relu`: the mask on the signal at rectifiers, as in `reverse`: both (guided backprop), backward (deconvnet),
      forward (gradient) or none; if not given, both where there are rectifiers before the layer, else the gradient
    - `pooling`: where max pooling sends it: places (those recorded on the way forward) or the centre of each window
    - `reading`: what happens where windows overlap: sum or overwrite (the last window stands)
    """
    if units < 1 or patches < 1:
        raise ValueError(f"at least one unit and one patch are asked for, not {units} and {patches}")
    layer, channel = of_channel(network, images, layer)
    given = _each(images)
    x = network.inputs(given[0])
    size = (int(x.shape[-2]), int(x.shape[-1]))
    places = _strongest(network, given, layer, channel, units, patches)
    reversal = Reversal(relu or "forward", pooling, reading)
    if relu is None and rectified(network, x, layer):
        reversal = Reversal("both", pooling, reading)
    found = iter(projected(network, [place for unit in places for place in unit], reversal))
    return Patterns(
        network=network.name, layer=layer if channel is None else f"{layer}:{channel}", method=str(reversal),
        receptive_field=str(network.layer(layer, size).field),
        units=tuple(tuple(next(found) for _ in unit) for unit in places),
        looked_at=tuple(photo_of(network, image)[0].name for image in given),
    )  # fmt: skip


def rectified(network: Network, x: Tensor, layer: str) -> bool:
    """Whether a rectifier is met on the way from the input `x` to the layer."""
    try:
        with torch.no_grad():
            network.record(x[:1], layer, rules=Reversal("both").rules())
    except LookupError:  # the layer is there: what is missing is a rectifier
        return False
    return True


def projected(network: Network, places: Sequence[Place], reversal: Reversal | None = None) -> list[Pattern]:
    """The pattern at each place; guided backprop if no reversal is given.

    An address without a place stands for its channel's strongest one. Places of one photo run back together, and so do
    single places of several photos. Raises LookupError for a unit that is not there.
    """
    reversal = reversal or Reversal("both")
    inputs = {id(image): network.inputs(image)[:1].detach() for image, _ in places}
    shown = {id(image): photo_of(network, image) for image, _ in places}
    asked = [_placed(network, inputs[id(image)], address) for image, address in places]
    found: dict[int, Pattern] = {}
    for run in _runs([(id(image), inputs[id(image)].shape) for image, _ in places], asked):
        keys = [id(places[index][0]) for index in run]
        x = inputs[keys[0]] if len(set(keys)) == 1 else torch.cat([inputs[key] for key in keys])
        values, scores, names = signals(network, x, [str(asked[index]) for index in run], reversal)
        for index, key, signal, score, name in zip(run, keys, values, scores, names, strict=True):
            found[index] = _cropped(network, asked[index], name, float(score), signal, *shown[key])
    return [found[index] for index in range(len(places))]


def _cropped(
    network: Network, address: Address, name: str, value: float, signal: Tensor, photo: Photo, frame: Frame
) -> Pattern:
    """The signal (C, H, W) inside what the unit sees; all of it where that is not known, or nothing."""
    size = (int(signal.shape[-2]), int(signal.shape[-1]))
    whole = Box(0, 0, size[1], size[0])
    sees = _sees(network, address, size)
    box = sees if isinstance(sees, Box) and sees.width > 0 and sees.height > 0 else whole
    left, top, right, bottom = (int(edge) for edge in box.as_tuple())
    beyond = signal.abs()
    beyond[:, top:bottom, left:right] = 0
    return Pattern(
        address, name, value, signal[:, top:bottom, left:right].clone(), box, sees, float(beyond.max()), photo, frame
    )


def _sees(network: Network, address: Address, size: tuple[int, int]) -> Box | Extent:
    if address.place is None:
        field = network.layer(address.layer, size).field
        return field if isinstance(field, Extent) else UNKNOWN
    box = network.receptive_field(address, size=size)
    if box == Box(0, 0, size[1], size[0]):
        return WHOLE
    return box if isinstance(box, Box) else UNKNOWN


def _each(images: Any) -> list[Any]:
    """Photos, or inputs (1, C, H, W), one by one."""
    if isinstance(images, Tensor):
        return list(images.split(1)) if images.ndim == 4 else [images]
    return list(images) if isinstance(images, (list, tuple)) else [images]


def _strongest(
    network: Network, images: Sequence[Any], layer: str, channel: int | None, units: int, patches: int
) -> list[list[Place]]:
    """For each of the strongest units its strongest places, at most one an image.

    Channels are ordered by their largest activation, then by their mean; images alike.
    """
    largest, means, at = [], [], []
    for image in images:
        with torch.no_grad():
            maps = network.maps(image, layer)[0].double().cpu().numpy()
        largest.append(maps.max((1, 2)))
        means.append(maps.mean((1, 2)))
        at.append(peaks(maps))
    values, mean = np.stack(largest), np.stack(means)  # (images, channels)
    best = np.lexsort((-mean.mean(0), -values.max(0)))[:units] if channel is None else [channel]
    x = network.inputs(images[0])
    flat = network.layer(layer, (int(x.shape[-2]), int(x.shape[-1]))).layout is None
    found: list[list[Place]] = []
    for unit in map(int, best):
        order = np.lexsort((-mean[:, unit], -values[:, unit]))[:patches]
        found.append([(images[i], Address(layer, unit, None if flat else _pair(at[i][unit]))) for i in order])
    return found


def _placed(network: Network, x: Tensor, address: str | Address) -> Address:
    """The address with its strongest place, where it names none and there are places."""
    size = (int(x.shape[-2]), int(x.shape[-1]))
    found = network.address(address, size)
    if found.channel is None:
        raise ValueError(f"say which unit of {found.layer}: {found.layer}:17, or {found.layer}:17@row,column")
    if found.place is not None or found.token is not None or network.layer(found.layer, size).layout is None:
        return found
    with torch.no_grad():
        values = network.maps(x, found.layer)[0, int(found.channel)].double().cpu().numpy()
    return Address(found.layer, found.channel, _pair(peaks(values)))


def _pair(place: np.ndarray) -> tuple[int, int]:
    return int(place[0]), int(place[1])


def _runs(images: Sequence[tuple[int, Any]], asked: Sequence[Address]) -> list[list[int]]:
    """Which places run together: all of one image and layer, or one of each of some images of one size."""
    together: dict[Any, list[int]] = {}
    for index, ((image, _), address) in enumerate(zip(images, asked, strict=True)):
        together.setdefault((image, address.layer), []).append(index)
    runs = [run for run in together.values() if len(run) > 1]
    alone: dict[Any, list[int]] = {}
    for run in together.values():
        if len(run) == 1:
            alone.setdefault((images[run[0]][1], asked[run[0]].layer), []).append(run[0])
    for many in alone.values():
        runs += [many[at : at + IMAGES_AT_ONCE] for at in range(0, len(many), IMAGES_AT_ONCE)]
    return runs
