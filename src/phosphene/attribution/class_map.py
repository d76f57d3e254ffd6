"""What the class activation maps give: a heatmap that says which layer it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from .heatmap import Heatmap


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassMap(Heatmap):
    """Maps of a class: `raw` (N, h, w), a number for each place of `layer`, and `values` (N, H, W), for each pixel."""

    layer: str  # several are joined by commas
    laid: str  # how `values` was made of `raw`: 'where its units look' or 'evenly'
    bias: Tensor | None = field(default=None, repr=False)  # (N,): what of the scores belongs to no place; of `cam` only

    def to_dict(self) -> dict[str, Any]:
        told = {**super().to_dict(), "layer": self.layer, "laid": self.laid}
        return told if self.bias is None else {**told, "bias": self.bias.tolist()}
