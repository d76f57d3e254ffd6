"""Which layers of two networks are stitched together, and whether all that the answer depends on passes them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...network import Layer, Network, NoScoresError
from ...network.blocks import distinct_blocks
from ...network.running.outputs import main_tensor
from ...network.running.replacing import replaced
from ..maps.going_on import with_maps
from ..maps.layers import depth_of
from ..regression.moments import bytes_of
from .places import Places, places_of

MOST = 4  # pairs where no layers are named
ROOM = 1 << 30  # bytes of the sums of one pair


@dataclass(frozen=True)
class LayerPair:
    """The layer that the bottom ends with, and the one that the top goes on from."""

    a: Layer
    b: Layer
    places: Places

    @property
    def name(self) -> str:
        return self.a.name if self.a.name == self.b.name else f"{self.a.name} → {self.b.name}"

    @property
    def channels(self) -> tuple[int, int]:
        return self.a.maps_shape[0], self.b.maps_shape[0]


def pairs_of(a: Network, b: Network, layer_a: str | None, layer_b: str | None, *, photos: bool) -> list[LayerPair]:
    """The named pair, or pairs over the depth: blocks of a, each with the block of b at the like depth and grid.

    With `photos` both see the same photos, each through its own preprocessing; otherwise the same input.
    Raises LookupError for a layer that is not there, ValueError for one that can't be stitched at, and for a b that
    gives no scores of classes.
    """
    try:
        b.scores(_blank(b))
    except NoScoresError as error:
        raise NoScoresError(f"a stitched network answers with its top's scores of classes, and {error}") from None
    if layer_a is not None and layer_b is not None:
        return [_checked(a, b, layer_a, layer_b, photos)]
    first, second = _cuts(a), _cuts(b)
    if layer_a is not None:
        first = [(name, place) for name, place in first if name == layer_a] or [(layer_a, depth_of(a, layer_a))]
    if layer_b is not None:
        second = [(name, place) for name, place in second if name == layer_b] or [(layer_b, depth_of(b, layer_b))]
    for network, layers in ((a, first), (b, second)):
        if not layers:
            raise ValueError(f"{network.name} has no blocks to stitch at; name a layer of each network")
    if len(first) > MOST:
        first = [first[index * (len(first) - 1) // (MOST - 1)] for index in range(MOST)]
    names = []
    for name, place in first:
        grid = a.layer(name).maps_shape[1]
        near = min(
            second, key=lambda other: (abs(_ratio(b.layer(other[0]).maps_shape[1], grid)), abs(other[1] - place))
        )
        names.append((name, near[0]))
    return [_checked(a, b, *each, photos) for each in dict.fromkeys(names)]


def _cuts(network: Network) -> list[tuple[str, float]]:
    """Blocks with their places in the depth."""
    return [(name, depth_of(network, name)) for name in distinct_blocks(network)]


def _ratio(one: int, other: int) -> float:
    """How many times the one is larger, in octaves, rounded."""
    return round(float(torch.log2(torch.tensor(one / other))), 1)


def _checked(a: Network, b: Network, layer_a: str, layer_b: str, photos: bool) -> LayerPair:
    first, second = a.layer(layer_a), b.layer(layer_b)
    for network, layer in ((a, first), (b, second)):
        if not layer.module or not _is_module(network.module, layer.name):
            raise ValueError(
                f"{layer.name} of {network.name} is a function's value; name a module's output to stitch at"
            )
        if layer.layout is None and len(layer.shape) > 1:
            raise ValueError(f"the values of {layer.name} are neither maps nor a vector; choose another layer")
        network.steadiness().insist(network.name, layer.name, "a layer is fitted to what an image gives each time")
    pair = LayerPair(first, second, places_of(a, b, first, second, photos=photos))
    if (size := 2 * bytes_of(*pair.channels)) > 2 * ROOM:
        raise ValueError(
            f"a layer from {pair.channels[0]:,} to {pair.channels[1]:,} channels needs {size / 2**30:.1f} GiB of sums; "
            "choose layers of fewer channels"
        )
    _check_passes(b, pair.b)
    return pair


def _is_module(root: nn.Module, name: str) -> bool:
    try:
        root.get_submodule(name)
    except AttributeError:
        return False
    return bool(name)


def _blank(network: Network) -> Tensor:
    """An input of zeros."""
    shape = (1, network.channels or 3, *network.preprocessing.size)
    return torch.zeros(shape, device=network.device, dtype=network.dtype)


def _check_passes(network: Network, layer: Layer) -> None:
    """ValueError where the answer also depends on values that go past the layer, as beside a skip connection."""
    blank = _blank(network)
    noise = torch.rand(blank.shape, generator=torch.Generator().manual_seed(0)).to(blank)
    maps = network.maps(blank, layer.name).detach()
    with torch.no_grad():
        answers = [
            main_tensor(
                replaced(network.module, x, layer.name, lambda value: with_maps(layer, value, lambda own: maps))
            )
            for x in (blank, noise)
        ]
    assert isinstance(answers[0], Tensor)
    assert isinstance(answers[1], Tensor)
    if not torch.allclose(answers[0], answers[1], atol=1e-5 * float(answers[0].abs().max()) + 1e-12):
        raise ValueError(
            f"the answer of {network.name} also depends on values that go past {layer.name}, as by a skip connection "
            "or in a class token; choose a layer whose places all of them pass, such as a block's output"
        )
