"""Signals of many units of one image, each run back through no more of the image than the unit sees.

Along an axis unit i sees the pixels start + i · stride ... start + i · stride + size - 1. A piece of the image that
begins at a multiple of the stride and holds all of them computes the unit as the whole image does: the unit's window
does not reach over the piece's border, so no padding there gets into it; and where the image's own border cuts the
window, the piece ends with the image. All pieces are of one size, so units anywhere go through the network in one
batch, and units whose pieces are the same share the pass forward:

    needed  =  start mod stride + size
    length  =  the least one >= needed with which a piece that ends where the image does begins at a multiple of stride
    begin   =  (i + floor(start / stride)) · stride, moved into 0 ... pixels - length

What a network computes of a piece can still differ: with positions of its own, or with numbers taken over the whole
image. So every unit's value is compared with the whole image's, and two units' signals as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...network import Axis, Field, Network, Rules
from ...network.running.outputs import main_tensor
from ...network.survey import Layer

Unit = tuple[int, int, int]  # channel, row, column
CELLS = (1, 2, 3, 4, 6)  # places along an axis whose units share pieces, to choose from
LEAST = (
    1,
    32,
    64,
    96,
)  # pixels of a side, to choose from: many networks refuse an image that their last maps vanish in
SHARED = 8  # units that share a piece at most
PIXELS = 224 * 224  # that go through the network together on a processor; with more, its caches overflow
WORTH = 0.7  # of the work on whole images: with more than that, pieces are not worth it


@dataclass(frozen=True)
class Pieces:
    """How units of a layer get their pieces of an image of `image` (height, width) pixels."""

    layer: Layer
    image: tuple[int, int]

    @property
    def axes(self) -> tuple[Axis, Axis]:
        assert isinstance(self.layer.field, Field)
        return self.layer.field.height, self.layer.field.width

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every piece."""
        sides = [self._length(axis, pixels) for axis, pixels in zip(self.axes, self.image, strict=True)]
        return sides[0], sides[1]

    def _length(self, axis: Axis, pixels: int) -> int:
        needed = axis.start % axis.stride + axis.size
        return pixels - max(0, pixels - needed) // axis.stride * axis.stride

    def begin(self, unit: Unit) -> tuple[int, int]:
        """The upper left corner of the unit's piece."""
        begins = [
            min(max((at + axis.start // axis.stride) * axis.stride, 0), pixels - length)
            for at, axis, pixels, length in zip(unit[1:], self.axes, self.image, self.size, strict=True)
        ]
        return begins[0], begins[1]

    def within(self, unit: Unit) -> Unit:
        """The unit's place in the maps of its piece."""
        (top, left), (rows, columns) = self.begin(unit), self.axes
        return unit[0], unit[1] - top // rows.stride, unit[2] - left // columns.stride

    def unit_groups(self, units: Sequence[Unit]) -> list[list[int]]:
        """The indices of the units of each piece, most first."""
        together: dict[tuple[int, int], list[int]] = {}
        for index, unit in enumerate(units):
            together.setdefault(self.begin(unit), []).append(index)
        parts = [same[i : i + SHARED] for same in together.values() for i in range(0, len(same), SHARED)]
        return sorted(parts, key=len, reverse=True)

    def work(self, units: Sequence[Unit]) -> float:
        """In passes of a whole image through the network, either way, with the two that check."""
        (height, width), (high, wide) = self.image, self.size
        return 2 + high * wide / (height * width) * (len(self.unit_groups(units)) + len(units))


def pieces(network: Network, layer: str, image: tuple[int, int], units: Sequence[Unit]) -> Pieces | None:
    """The pieces for units of the layer, or None where they see no regular window or whole images are not much more."""
    source = network.layer(layer, image)
    if not isinstance(source.field, Field) or min(source.field.height.stride, source.field.width.stride) < 1:
        return None
    if source.layout is None or source.layout.rows is None or len(source.shape) != 3 or source.batch:
        return None
    plan = Pieces(source, image)
    return plan if plan.work(units) < WORTH * len(units) else None


def signals_in(
    network: Network, x: Tensor, plan: Pieces, units: Sequence[Unit], rules: Rules | None
) -> tuple[Tensor, Tensor]:
    """The values (B,) of the units of the one image `x` (1, C, H, W), and their signals (B, C, H, W).

    Raises whatever the network does at an image of the pieces' size.
    """
    x = x.detach()
    values, signals = x.new_zeros(len(units)), x.new_zeros(len(units), *x.shape[1:])
    layout, (high, wide) = plan.layer.layout, plan.size
    assert layout is not None
    pieces, at_once = plan.unit_groups(units), max(1, room(x) // (high * wide))
    for first in range(0, len(pieces), at_once):
        group = pieces[first : first + at_once]
        begins = [plan.begin(units[piece[0]]) for piece in group]
        cut = torch.cat([x[..., top : top + high, left : left + wide] for top, left in begins])
        value = main_tensor(network.record(cut.requires_grad_(), plan.layer.name, rules=rules)[plan.layer.name])
        assert value is not None
        maps = layout.maps(value)
        turns = len(group[0])
        for turn in range(turns):
            indexed_units = [(index, piece[turn]) for index, piece in enumerate(group) if turn < len(piece)]
            seeds = torch.zeros_like(maps)
            for index, unit in indexed_units:
                spot = (index, *plan.within(units[unit]))
                seeds[spot], values[unit] = 1, maps[spot].detach()
            (gradients,) = torch.autograd.grad(maps, cut, seeds, retain_graph=turn + 1 < turns)
            for index, unit in indexed_units:
                top, left = begins[index]
                signals[unit, :, top : top + high, left : left + wide] = gradients[index]
    return values, signals


def room(x: Tensor) -> int:
    """How many pixels go through the network together, on the device of `x`."""
    return PIXELS if x.device.type == "cpu" else 8 * PIXELS


def alike(result: Tensor, expected: Tensor) -> bool:
    """Whether two results differ by no more than rounding."""
    most = 1e-9 if expected.dtype == torch.float64 else 1e-5
    return bool((result - expected).abs().max() <= most * expected.abs().max())
