"""The local equivariance error of a layer: a second opinion that needs no fit.

For a family g^t of transformations, the Lie derivative of a layer φ is

    L φ(x) = d/dt P_{g^-t} φ(g^t x)   at t = 0,

which is 0 everywhere exactly where φ follows the family by moved places alone (N. Gruver, M. Finzi, M. Goldblum and A.
Wilson, *The Lie derivative for measuring learned equivariance*, ICLR 2023). Their error is its mean square. We give it
as a share of the mean square of d/dt φ(g^t x), the change that nothing compensates: 0 is equivariant, 1 means that
moving places explains nothing of the change. Derivatives are central differences of a step that moves the image by half
a pixel at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from ...data.gathering import Gathered
from ...measures.intervals import Interval, ratio
from ...network import Layer, Network
from ...transformations import Transformation
from ..maps.pairs import changed, maps_of

STEP_PX = 0.5  # the farthest that a step moves a point of the image
TRIAL = 1e-3


@dataclass(frozen=True)
class Local:
    """Both derivatives of each layer, by steps there and back; their squares are columns, a number for each image."""

    there: Transformation
    back: Transformation

    def add(self, network: Network, gathered: Gathered, x: Tensor, layers: Sequence[Layer]) -> None:
        """Adds images, as the network's input (N, C, H, W)."""
        values = [maps_of(network, changed(network, x, g), layers) for g in (self.there, self.back)]
        for layer in layers:
            grid, frame = layer.maps_shape[1:], network.preprocessing.size
            ahead, behind = (each[layer.name] for each in values)
            to_there, to_back = self.there.resampling(grid, frame), self.back.resampling(grid, frame)
            inside = (to_there.valid & to_back.valid).to(ahead.device)
            moved = to_back(ahead, "bicubic") - to_there(behind, "bicubic")
            for column, difference in (("compensated", moved), ("whole", ahead - behind)):
                squares = difference[..., inside].double().square().sum((1, 2))
                gathered.extend(f"{column} {layer.name}", squares.tolist())


def local_error(gathered: Gathered, layer: str, seed: int) -> Interval:
    """The share of the layer's first-order change that moved places do not explain."""
    return ratio(gathered.column(f"compensated {layer}"), gathered.column(f"whole {layer}"), seed)


def local(network: Network, transformation: Transformation) -> Local | None:
    """What measures the local error; None for a transformation that moves nothing, or has no small member."""
    trial = transformation.power(TRIAL)
    if trial is None or not transformation.geometric:
        return None
    farthest = _farthest(trial, network.preprocessing.size)
    if not farthest > 0:
        return None
    step = TRIAL * STEP_PX / farthest
    there, back = transformation.power(step), transformation.power(-step)
    return None if there is None or back is None else Local(there, back)


def _farthest(g: Transformation, size: tuple[int, int]) -> float:
    """How far a corner of the image moves, in pixels."""
    height, width = size
    affine = g.affine(height, width)
    matrix, shift = (torch.tensor(part, dtype=torch.float64) for part in (affine.matrix, affine.shift))
    corners = torch.tensor(list(product((-width / 2, width / 2), (-height / 2, height / 2))), dtype=torch.float64)
    return float((corners @ matrix.T + shift - corners).norm(dim=1).max())
