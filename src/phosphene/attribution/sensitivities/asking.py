"""Where a unit answers to an image, and what it answers to changed versions of that image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ...network import WHOLE, Address, Box, Field, Network
from ...network.running.outputs import main_tensor
from ..maps.fixed_units import at_once, values
from ..maps.targets import Question, fixed_addresses, questions, units
from .versions import VERSIONS, chroma, inside, versions

Where = Literal["place", "window"]
BEYOND = 1e-3  # of [0, 1]: what is further out is no rounding


@dataclass(frozen=True, eq=False)
class Place:
    """An image and the place in it at which the unit is asked."""

    image: Tensor = field(repr=False)  # (1, 3, H, W) in [0, 1], on the network's device
    name: str
    address: Address  # with its place, where the layer has places
    at: Tensor = field(repr=False)  # flat indices in the layer's value of one image, of whose values the largest counts
    value: float
    window: Box  # what the unit sees, in the input's pixels
    side: float  # the shorter side of the unit's window where no border cuts it
    known: bool  # whether what the unit sees is known; if not, the window is the whole input


@dataclass(frozen=True, eq=False)
class Asked:
    """The unit's responses to one image and to its versions."""

    original: float
    responses: dict[str, float]  # by the version's name; NaN for one that could not be made
    how: dict[str, str]
    chroma: float  # of the window
    paled: float  # the same where hues were turned, mean over angles; NaN where none were
    tiles: np.ndarray = field(repr=False)  # (1 + versions, h, w, 3), uint8: the window, the original first
    names: tuple[str, ...]  # of the tiles


def check_where(where: str) -> None:
    """ValueError for a word that is neither 'place' nor 'window'."""
    if where not in get_args(Where):
        raise ValueError(f"a unit is asked at its {' or in its '.join(get_args(Where))}, not {where!r}")


def seen(network: Network, x: Tensor) -> tuple[Tensor, bool]:
    """The images (N, 3, H, W) in [0, 1] of inputs (N, C, H, W), and whether values had to be cut for that."""
    x = x.detach() if x.dtype in (torch.float32, torch.float64) else x.detach().float()
    images = network.denormalise(x)
    inside_01 = images.clamp(0, 1)
    return inside_01, bool((images - inside_01).abs().max() > BEYOND)


def place_on(
    network: Network, image: Tensor, name: str, unit: str | Address, where: Where, at: tuple[int, int] | None = None
) -> Place:
    """Where the unit answers most to an image (1, 3, H, W) in [0, 1], or its row and column `at`."""
    x = _inputs(network, image)
    size = (int(x.shape[-2]), int(x.shape[-1]))
    address = Address.parse(unit)
    if at is not None:
        address = Address(address.layer, address.channel, at)
    question = questions(network, x, str(address))
    value = main_tensor(network.record(x, question.layer)[question.layer])
    assert value is not None
    index = units(network, question, value, size)
    (address,) = fixed_addresses(network, question, index, size)
    sees = network.receptive_field(address, size=size)
    window = sees if isinstance(sees, Box) and not sees.empty else Box(0, 0, size[1], size[0])
    number = float(value.flatten(1)[0, index])
    among = index if where == "place" else _about(network, question, address, index, window, size)
    side = _side(network, address, window, size)
    return Place(image, name, address, among, number, window, side, sees is WHOLE or sees is window)


def asked(network: Network, place: Place, seed: int, *, colours: bool) -> Asked:
    """What the unit answers to the image and to its versions."""
    made = versions(place.image, place.window, place.side, seed, colours=colours)
    images = torch.cat([place.image, *(version.images for version in made)])
    together = at_once(network, place.image, None, back=False)
    parts = [
        values(network, _inputs(network, some), place.address.layer, place.at).double().amax(0)
        for some in images.split(together)
    ]
    original, *rest = torch.cat(parts).split([1, *(len(version.images) for version in made)])
    responses = {name: float("nan") for name in VERSIONS}
    responses |= {version.name: float(part.mean()) for version, part in zip(made, rest, strict=True)}
    before = chroma(place.image, place.window)
    hues = [chroma(version.images, place.window) for version in made if version.name.startswith("hue")]
    firsts = torch.cat([place.image, *(version.images[:1] for version in made)])
    tiles = (inside(firsts, place.window).permute(0, 2, 3, 1).float().cpu().numpy() * 255).round().astype(np.uint8)
    return Asked(
        float(original), responses, {version.name: version.how for version in made}, before,
        sum(hues) / len(hues) if hues else float("nan"), tiles,
        ("original", *(version.name for version in made)),
    )  # fmt: skip


def _inputs(network: Network, images: Tensor) -> Tensor:
    return network.normalise(images).to(network.device, network.dtype)


def _side(network: Network, address: Address, window: Box, size: tuple[int, int]) -> float:
    found = network.receptive_field(Address(address.layer, address.channel), size=size)
    if isinstance(found, Field):
        return float(min(found.height.size, found.width.size, *size))
    return min(window.height, window.width)


def _about(
    network: Network, question: Question, address: Address, index: Tensor, window: Box, size: tuple[int, int]
) -> Tensor:
    """The channel's places whose windows have their middles within the unit's window: flat indices."""
    layer = network.layer(address.layer, size)
    if address.place is None or layer.layout is None:
        return index
    numbers = torch.arange(torch.Size(layer.shape).numel()).view(1, *layer.shape)
    among = layer.layout.maps(numbers)[0][int(address.channel or 0)]
    found = network.receptive_field(Address(address.layer, address.channel), size=size)
    if isinstance(found, Field):
        down, across = (
            axis.start + torch.arange(count) * axis.stride + axis.size / 2
            for axis, count in zip((found.height, found.width), among.shape, strict=True)
        )
        rows, columns = (down >= window.top) & (down < window.bottom), (across >= window.left) & (across < window.right)
        rows[address.place[0]] = columns[address.place[1]] = True
        among = among[rows][:, columns]
    return among.flatten().to(index.device)
