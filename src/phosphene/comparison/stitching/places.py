"""Where a layer's places lie in the image, and a bottom's maps at the places of a top's layer.

Two layers of 14 x 14 places need not look at the same points: padding on one side moves a layer's places, by nearly a
whole one after five strides of 2, and one network may crop more of a photo than the other. An affine map of channels
can't undo that. So the bottom's maps are read at the points that the top's places look at: the centres of receptive
fields, in the photo. Between places they are interpolated linearly, and averaged where the top's places lie further
apart. Where a layer's receptive fields are no regular windows, its places are taken to divide the image evenly.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...network import Layer, Network
from ...network.geometry import Axis, Field


@dataclass(frozen=True, eq=False)
class Places:
    """The shares that the bottom's rows and columns have in those of the top, (of the top, of the bottom) each."""

    rows: Tensor = field(repr=False)
    columns: Tensor = field(repr=False)

    def __call__(self, maps: Tensor) -> Tensor:
        """Maps (N, C, rows, columns) of the bottom at the places of the top."""
        if _unmoved(self.rows) and _unmoved(self.columns):
            return maps
        return self.rows.to(maps) @ maps @ self.columns.T.to(maps)


def places_of(a: Network, b: Network, layer_a: Layer, layer_b: Layer, *, photos: bool) -> Places:
    """How the maps of a layer of A are brought to the places of a layer of B.

    With `photos` both see the same photos, each through its own preprocessing; otherwise the same input.
    """
    shares = []
    for axis in (0, 1):
        view = _view(b, axis) / _view(a, axis) if photos and a.preprocessing.crop == b.preprocessing.crop else 1.0
        counts = layer_a.maps_shape[1 + axis], layer_b.maps_shape[1 + axis]
        axes = _axis(layer_a, axis), _axis(layer_b, axis)
        first, second = axes if None not in axes else (None, None)  # either both by their windows, or none
        pixels = a.preprocessing.size[axis], b.preprocessing.size[axis]
        at = (torch.arange(counts[1], dtype=torch.float64) + 0.5) / counts[1]  # of B's places, as shares of the input
        if second is not None:
            at = (_centre(second) + second.stride * torch.arange(counts[1], dtype=torch.float64)) / pixels[1]
        at = 0.5 + (at - 0.5) * view
        index = at * counts[0] - 0.5 if first is None else (at * pixels[0] - _centre(first)) / first.stride
        shares.append(_shares(index, counts[0]))
    return Places(*shares)


def _axis(layer: Layer, axis: int) -> Axis | None:
    if not isinstance(layer.field, Field):
        return None
    along = (layer.field.height, layer.field.width)[axis]
    return along if along.stride > 0 else None


def _centre(axis: Axis) -> float:
    """Where the first unit looks, in pixels from the input's edge."""
    return axis.start + axis.size / 2


def _view(network: Network, axis: int) -> float:
    """The part of a resized photo that the crop leaves."""
    preprocessing = network.preprocessing
    return preprocessing.size[axis] / preprocessing.resize[axis] if preprocessing.resize else 1.0


def _shares(index: Tensor, count: int) -> Tensor:
    """(n, count): linear interpolation at n places of `count`; wider where they lie further apart than one."""
    index = (index * 1e6).round() / 1e6
    apart = float(index[1] - index[0]) if len(index) > 1 else 1.0
    near = (torch.arange(count) - index.clamp(0, count - 1)[:, None]).abs()
    shares = (1 - near / max(1.0, apart)).clamp(min=0)
    return shares / shares.sum(1, keepdim=True)


def _unmoved(shares: Tensor) -> bool:
    return shares.shape[0] == shares.shape[1] and torch.equal(shares, torch.eye(len(shares), dtype=shares.dtype))
