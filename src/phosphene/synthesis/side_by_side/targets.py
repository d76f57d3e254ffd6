"""What each network's images are of: the same class, or a channel at the same share of the depth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...network import Address, Network
from ..engine.layers.default_layers import cell_count
from ..engine.objectives import Objective, Size, objective, unit


def targets_of(
    network: Network, target: str | None, depth: Sequence[float] | float | None, channel: int, images: int, size: Size
) -> list[Address]:
    """What each of a network's images is of."""
    if (target is None) == (depth is None):
        raise ValueError("give either a target, such as 'logits:goose', or depths, such as 0.25 and 0.5")
    if target is not None:
        return [network.address(target, size)] * images
    shares = [depth] if isinstance(depth, (int, float)) else list(depth or ())
    if not shares:
        raise ValueError("no depth was given; give at least one, such as 0.5")
    return [network.address(Address(at_depth(network, share, size), channel), size) for share in shares]


def each_its_own(network: Network, addresses: Sequence[Address], size: Size) -> Objective:
    """Image i raises unit i, whichever layers they are of."""
    parts = [unit(network, address, size) for address in addresses]
    reads = [next(iter(part.reads)) for part in parts]

    def measure(*values: Tensor) -> Tensor:
        scores = [part.score({read: value}) for part, read, value in zip(parts, reads, values, strict=True)]
        return torch.stack([score[index] for index, score in enumerate(scores)])

    return objective(", ".join(map(str, dict.fromkeys(addresses))), reads, measure)


def at_depth(network: Network, share: float, size: Size) -> str:
    """The layer of weights at this share of the network's depth, from 0 (the first) to 1 (the last).

    Counted are convolutions and linear layers whose values lie on a grid, in the order of computing.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a depth is a share of the network's layers, from 0 to 1, not {share}")
    layers = network.layers(size)
    names = [layer.name for layer in layers]
    candidates = [
        layer.name
        for layer in layers
        if layer.module and layer.parameters and layer.layout is not None and cell_count(layer) > 1
        and "Norm" not in layer.kind and not any(name.startswith(f"{layer.name}.") for name in names)
    ]  # fmt: skip
    if not candidates:
        raise ValueError(f"{network.name} has no layer of weights with a grid of places")
    return candidates[round(share * (len(candidates) - 1))]
