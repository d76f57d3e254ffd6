"""What the class activation maps give: a heatmap that says which layer it was read from.

A map is stretched evenly over the input: row i of n lies at (i + 1/2) H / n. The middle of its unit's receptive field
may be up to half a cell away where padding is not symmetric, but a trained network looks at the image evenly whatever
its padding: the map of a mirrored photo is the mirrored map (benchmarks/localization.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ..maps.heatmap import Heatmap


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassMap(Heatmap):
    """Maps of a class: `raw` (N, h, w), a number for each place of `layer`, and `values` (N, H, W), for each pixel."""

    layer: str  # several are joined by commas
    bias: Tensor | None = field(default=None, repr=False)  # (N,): what of the scores belongs to no place; of `cam` only

    def to_dict(self) -> dict[str, Any]:
        values = {**super().to_dict(), "layer": self.layer}
        return values if self.bias is None else {**values, "bias": self.bias.tolist()}


def stretched(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Maps (N, h, w) stretched evenly to (N, *size), linear between the cells' middles."""
    if tuple(maps.shape[1:]) == tuple(size):
        return maps
    return F.interpolate(maps[:, None], tuple(size), mode="bilinear", align_corners=False)[:, 0]
