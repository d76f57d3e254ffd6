"""A run in which one value is zero: what a layer's maps have no part in."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..network import Network
from .outputs import main_tensor, per_image
from .recording import recorded
from .seam import OUTPUT


def zeroed(network: Network, image: Tensor, layer: str, target: str) -> Tensor:
    """The value of the layer `target` for `image` (N, C, H, W) in a run in which the value of `layer` is zero.

    The value is zeroed where it stands, so that all who hold its memory read zeros.
    """
    name = OUTPUT if target == "probabilities" else target
    value = main_tensor(recorded(network.module, image.detach(), {layer, name}, keep={layer: _emptied})[name])
    assert value is not None
    rows = per_image(value, len(image)) if name == OUTPUT else None
    return value if rows is None else rows


def _emptied(value: Any) -> None:
    tensor = main_tensor(value)
    if tensor is not None:
        tensor.zero_()
