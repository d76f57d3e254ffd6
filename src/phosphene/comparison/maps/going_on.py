"""A network that goes on from other maps than its own at one of its layers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...network import Layer, Network
from ...network.running.outputs import main_tensor, per_image
from ...network.running.replacing import replaced

Change = Callable[[Tensor], Tensor]  # maps (N, C, rows, columns) -> maps of the same shape


def in_turn(first: Change, second: Change) -> Change:
    return lambda maps: second(first(maps))


def maps_in(layer: Layer, value: Tensor) -> Tensor:
    """A layer's value as maps (N, C, rows, columns); a vector has one place."""
    return value.flatten(1)[..., None, None] if layer.layout is None else layer.layout.maps(value)


def with_maps(layer: Layer, value: Tensor, change: Change) -> Tensor:
    """The layer's value where its maps are changed; tokens without a place stay."""
    maps = change(maps_in(layer, value).float())
    if layer.layout is None:
        return maps.reshape(value.shape).to(value)
    return layer.layout.placed(value, maps.to(value)).to(value)


def scores_where(network: Network, x: Tensor, layer: Layer, change: Change) -> Tensor:
    """The scores (N, classes) of the inputs where the layer's maps are changed on the way; differentiable in them."""
    rows = x.split(1) if network.steadiness(tuple(x.shape[-2:])).coupled else [x]
    answers = []
    for some in rows:
        value = main_tensor(replaced(network.module, some, layer.name, lambda own: with_maps(layer, own, change)))
        scores = None if value is None else per_image(value, len(some))
        if scores is None or scores.ndim != 2:
            raise ValueError(f"{network.name} gives no score for each class")
        answers.append(scores)
    return torch.cat(answers)
