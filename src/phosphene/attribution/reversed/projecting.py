"""What runs back from single places of units to the image, cut to what each unit there can have seen.

The signal starts with 1 at one unit at one place, 0 everywhere else, and runs back to the pixels through the reversed
network (`reversing`). Outside the unit's receptive field it is exactly zero, so the part inside is all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...input_photo import photo_of
from ...network import UNKNOWN, WHOLE, Address, Box, Extent, Frame, Network
from ...network.running.outputs import main_tensor
from ...picture import Photo
from ..maps.targets import fixed_addresses, questions, units
from .reversing import Reversal, signals

IMAGES_AT_ONCE = 8

PhotoUnit = tuple[Any, str | Address]  # a photo, or an input (1, C, H, W), and the address of a unit on it


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
        """All pixels of the photo that the box was made of; padding is left out."""
        return self.frame.source(self.box)


def projected(network: Network, photo_units: Sequence[PhotoUnit], reversal: Reversal | None = None) -> list[Pattern]:
    """The pattern at each place; guided backprop if no reversal is given.

    An address without a place stands for its channel's strongest one. Places of one photo run back together, and so do
    single places of several photos. Raises LookupError for a unit that is not there.
    """
    reversal = reversal or Reversal("both")
    inputs = {id(image): network.inputs(image)[:1].detach() for image, _ in photo_units}
    photos = {id(image): photo_of(network, image) for image, _ in photo_units}
    addresses = [_strongest_unit(network, inputs[id(image)], address) for image, address in photo_units]
    patterns: dict[int, Pattern] = {}
    for run in _runs([(id(image), inputs[id(image)].shape) for image, _ in photo_units], addresses):
        keys = [id(photo_units[index][0]) for index in run]
        x = inputs[keys[0]] if len(set(keys)) == 1 else torch.cat([inputs[key] for key in keys])
        values, scores, names = signals(network, x, [str(addresses[index]) for index in run], reversal)
        for index, key, signal, score, name in zip(run, keys, values, scores, names, strict=True):
            patterns[index] = _cropped(network, addresses[index], name, float(score), signal, *photos[key])
    return [patterns[index] for index in range(len(photo_units))]


def _strongest_unit(network: Network, x: Tensor, address: str | Address) -> Address:
    """The address with its strongest place in the input `x` (1, C, H, W), where it names none and there are places."""
    question = questions(network, x, str(address))
    (unit,) = question.addresses
    size = (int(x.shape[-2]), int(x.shape[-1]))
    layer = network.layer(unit.layer, size)
    if unit.place is not None or unit.token is not None or layer.layout is None:
        return unit
    with torch.no_grad():
        value = main_tensor(network.record(x, unit.layer)[unit.layer])
    assert value is not None
    value = value.movedim(layer.batch, 0)
    return fixed_addresses(network, question, units(network, question, value, size), size)[0]


def _runs(images: Sequence[tuple[int, Any]], addresses: Sequence[Address]) -> list[list[int]]:
    """Which places run together: all of one image and layer, or one of each of some images of one size."""
    together: dict[Any, list[int]] = {}
    for index, ((image, _), address) in enumerate(zip(images, addresses, strict=True)):
        together.setdefault((image, address.layer), []).append(index)
    runs = [run for run in together.values() if len(run) > 1]
    alone: dict[Any, list[int]] = {}
    for run in together.values():
        if len(run) == 1:
            alone.setdefault((images[run[0]][1], addresses[run[0]].layer), []).append(run[0])
    for many in alone.values():
        runs += [many[at : at + IMAGES_AT_ONCE] for at in range(0, len(many), IMAGES_AT_ONCE)]
    return runs


def _cropped(
    network: Network, address: Address, name: str, value: float, signal: Tensor, photo: Photo, frame: Frame
) -> Pattern:
    """The signal (C, H, W) inside what the unit sees; all of it where that is not known, or nothing."""
    size = (int(signal.shape[-2]), int(signal.shape[-1]))
    whole = Box(0, 0, size[1], size[0])
    sees = _sees(network, address, size)
    box = sees if isinstance(sees, Box) and not sees.empty else whole
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
