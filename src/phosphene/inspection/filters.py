"""Filters: the kernels of a convolution as tiles.

A layer that sees the image's three colours has kernels that are small colour images themselves: what the unit would
most like to see under it. Deeper kernels have one plane for each channel below and are drawn as grey tiles, a row or
a block of rows for each output (filters_picture.py), zero at mid-grey (Krizhevsky et al. 2012, figure 3; Zeiler &
Fergus 2013). A kernel of 1 × 1 has no pattern in space, and of 3 × 3 or with many planes little can be seen: the
picture says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from torch import nn

from ..instrument import Result, instrument
from ..instrument.roles import LayerName
from ..network import Network
from ..network.running.weights import weight_of
from ..picture import (
    Block,
    DrawingBlock,
    ImageBlock,
    Sheet,
    TextBlock,
    as_rgb,
    colour,
    map_range,
)
from .faint import faint
from .filters_picture import laid, order, planes_in_blocks, tiles_in_a_grid, width_of


@dataclass(frozen=True, eq=False, kw_only=True)
class Filters(Result):
    """The kernels of one layer."""

    layer: str
    network: str
    weights: np.ndarray = field(repr=False)  # (C_out, C_in / groups, height, width)
    groups: int
    colour: str | None  # how the input's channels are ordered if they are the image's: "RGB" or "BGR"

    @property
    def in_colour(self) -> bool:
        """Whether each kernel can be seen as one colour tile."""
        return self.colour is not None and self.weights.shape[1] == 3

    @property
    def faint(self) -> list[int]:
        """The kernels that are zero but for rounding: all weights at most a millionth of the layer's largest."""
        return faint(self.weights)

    @property
    def note(self) -> str:
        """What can't be seen in these kernels, and why; empty if all can."""
        _, _, height, width = self.weights.shape
        sentences = []
        if height * width == 1:
            sentences.append("Kernels of 1 × 1 mix channels and have no pattern in space: each tile is one number.")
        elif height * width <= 9 and self.in_colour:
            sentences.append(
                f"Kernels of {height} × {width} are small: edges and colours can be told, finer patterns can't."
            )
        elif height * width <= 9:
            sentences.append(
                f"A kernel of {height} × {width} has {height * width} numbers a plane, so little pattern can be seen; "
                "what the unit responds to is seen better in its activations."
            )
        if none := self.faint:
            are, their = ("are", "their") if len(none) > 1 else ("is", "its")
            which = f" ({', '.join(map(str, none))})" if len(none) <= 8 else ""
            sentences.append(
                f"{len(none)} of them{which} {are} zero but for rounding: "
                f"what {their} own range brings out is no pattern."
            )
        return " ".join(sentences)

    def sheet(
        self,
        *,
        range: str = "symmetric",
        per: Literal["tile", "picture"] | None = None,
        planes: bool = False,
        map: Literal["grey", "diverging"] = "grey",
        page: int = 1,
        columns: int | None = None,
    ) -> Sheet:
        """The kernels as tiles.

        - `range`: how weights become brightness: minmax, symmetric, percentile, unit or low:high
        - `per`: whether each tile has its own range or all share one; its own, unless a tile is a single number
        - `planes`: draw every input plane separately, also those of colour kernels
        - `map`: colours of single planes
        - `page`: which page of the tiles, from 1
        - `columns`: tiles in a row
        """
        flat = self.in_colour and not planes
        outputs, depth, height, wide = self.weights.shape
        shape = (outputs, 1 if flat else depth, height, wide)
        where = laid(shape, page, columns)
        kernels = (self._colour_tiles() if flat else self.weights)[where.outputs]
        tiles = kernels if flat else kernels.reshape(-1, height, wide)
        mapped = map_range(tiles, range, per or ("picture" if height * wide == 1 else "tile"))
        pixels = as_rgb(mapped.values01) if flat else colour(mapped.values01, map)
        tiled: ImageBlock | DrawingBlock
        if shape[1] == 1:
            tiled = tiles_in_a_grid(pixels, where)
        else:
            planes_of = pixels.reshape(len(kernels), depth, *pixels.shape[1:])
            tiled = planes_in_blocks(planes_of, shape, self.groups, where)
        blocks: list[Block] = [tiled]
        kind = f"colour kernels, {min(where.beside, outputs)} in a row" if flat else order(shape, self.groups, where)
        subtitle = f"{outputs} filters of {depth} × {height} × {wide} · {kind} · {where.outputs_in_words}"
        if self.note:
            blocks.append(TextBlock(self.note, "muted"))
        caption = f"{self.network}, {self.layer}: filters; {mapped.caption()}"
        width = max(640, width_of(tiled)) + 96
        return Sheet(
            f"Filters of {self.layer}",
            f"{self.network} · {subtitle}",
            blocks,
            caption=mapped.caption(),
            width=width,
            description=caption,
            ranges=mapped.ranges,
        )

    def _colour_tiles(self) -> np.ndarray:
        """The kernels as (C_out, height, width, 3), red first."""
        planes = self.weights[:, ::-1] if self.colour == "BGR" else self.weights
        return planes.transpose(0, 2, 3, 1)

    def to_dict(self) -> dict[str, Any]:
        norms = np.sqrt((self.weights.astype(np.float64) ** 2).sum((1, 2, 3)))
        return {
            "network": self.network,
            "layer": self.layer,
            "shape": list(self.weights.shape),
            "groups": self.groups,
            "lowest": float(self.weights.min()),
            "highest": float(self.weights.max()),
            "norms": [round(float(norm), 6) for norm in norms],
            "note": self.note,
        }


@instrument
def filters(network: Network, layer: LayerName | None = None) -> Filters:
    """The kernels of a convolution, as tiles.

    Raises LookupError for a layer that does not exist, ValueError for one that has no kernels.

    - `layer`: a convolution; the first one if not given
    """
    if layer is None:
        layer = _first_convolution(network)
    module = _module(network, layer)
    weight = weight_of(network.module, module)
    if weight is None or weight.ndim != 4:
        raise ValueError(
            f"{layer} of {network.name} is a {type(module).__name__} and has no kernels in space; choose a "
            f"convolution, such as {_first_convolution(network)}"
        )
    values = weight.float().cpu().numpy()
    if isinstance(module, nn.ConvTranspose2d):
        values = _outputs_first(values, module.groups)
    first = layer == _first_convolution(network)
    order = network.preprocessing.colour if first and network.preprocessing.colour != "grey" else None
    return Filters(
        layer=layer, network=network.name, weights=values, groups=int(getattr(module, "groups", 1)), colour=order
    )


def _outputs_first(values: np.ndarray, groups: int) -> np.ndarray:
    """A transposed convolution's weights (C_in, C_out / groups, h, w) as (C_out, C_in / groups, h, w)."""
    split = values.reshape(groups, -1, *values.shape[1:]).swapaxes(1, 2)
    return split.reshape(-1, *split.shape[2:])


def _first_convolution(network: Network) -> str:
    kinds: set[str] = set()
    for name, module in network.module.named_modules():
        sides = getattr(module, "kernel_size", None)
        if not (isinstance(sides, tuple) and hasattr(module, "in_channels")):
            continue
        if len(sides) == 2:
            return name
        kinds.add(type(module).__name__)
    if kinds:
        raise ValueError(
            f"the convolutions of {network.name} are {', '.join(sorted(kinds))}, and filters are drawn of those along "
            "rows and columns"
        )
    raise ValueError(f"{network.name} has no convolution that is a module, so there are no filters to draw")


def _module(network: Network, layer: str) -> nn.Module:
    modules = dict(network.module.named_modules())
    if layer not in modules or not layer:
        network.layer(layer)  # raises with near names for what is no value either
        raise ValueError(f"{layer} of {network.name} is a function's result and has no weights; choose a module")
    return modules[layer]
